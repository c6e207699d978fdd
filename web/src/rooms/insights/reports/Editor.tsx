import { Button, Menu, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useEffect } from "react";
import { type Meanwhile, MeanwhileNote } from "@/ui/edits";
import { useHotkeys } from "@/ui/hotkeys";
import { hasMarks } from "@/ui/merge";
import { ErrorNote, Loaded } from "@/ui/states";
import { BlockFields } from "./BlockFields";
import { blank, type Draft, KINDS, moved } from "./blocks";
import { Parts } from "./Parts";
import { useKeys, usePreview } from "./queries";

interface Props {
  project: string;
  draft: Draft;
  setDraft: (draft: Draft) => void;
  /** What the draft began with. */
  initial: Draft;
  busy: boolean;
  error: unknown;
  meanwhile?: Meanwhile | null;
  onSave: (draft: Draft) => void;
  onCancel: () => void;
}

/** The browser asks before a changed report is left. */
function useGuard(changed: boolean): void {
  useEffect(() => {
    if (!changed) return undefined;
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener("beforeunload", ask);
    return () => window.removeEventListener("beforeunload", ask);
  }, [changed]);
}

/** A report's title and blocks beside what they show. Ctrl S saves. */
export function Editor({ project, draft, setDraft, initial, busy, error, meanwhile = null, onSave, onCancel }: Props) {
  const [settled] = useDebouncedValue(draft, 400);
  const keys = useKeys(project).data;
  const preview = usePreview(project, settled);
  const changed = JSON.stringify(draft) !== JSON.stringify(initial);
  useGuard(changed && !busy);
  const ready = draft.title.trim() !== "" && !busy && !draft.blocks.some(({ text }) => hasMarks(text));
  useHotkeys({ "mod+s": () => ready && onSave(draft) });
  const { blocks } = draft;
  const put = (next: Draft["blocks"]) => setDraft({ ...draft, blocks: next });
  return (
    <div className="report-editor">
      <form aria-label="Report" onSubmit={(event) => { event.preventDefault(); if (ready) onSave(draft); }}>
        <TextInput label="Title" required value={draft.title} onChange={(event) => setDraft({ ...draft, title: event.currentTarget.value })} />
        {blocks.map((block, i) => (
          <fieldset key={i} className="report-block">
            <legend>{i + 1}. {KINDS.find(([kind]) => kind === block.kind)?.[1]}</legend>
            <span className="block-actions">
              <button type="button" className="link small" disabled={i === 0} onClick={() => put(moved(blocks, i, i - 1))} aria-label={`Move block ${i + 1} up`}>↑</button>
              <button type="button" className="link small" disabled={i === blocks.length - 1} onClick={() => put(moved(blocks, i, i + 1))} aria-label={`Move block ${i + 1} down`}>↓</button>
              <button type="button" className="link small" onClick={() => put(blocks.filter((_, at) => at !== i))} aria-label={`Remove block ${i + 1}`}>Remove</button>
            </span>
            <BlockFields block={block} keys={keys} onChange={(change) => put(blocks.map((one, at) => (at === i ? { ...one, ...change } : one)))} />
          </fieldset>
        ))}
        <Menu shadow="none" position="bottom-start">
          <Menu.Target><Button variant="default" size="xs">Add a block</Button></Menu.Target>
          <Menu.Dropdown>{KINDS.map(([kind, word, what]) => <Menu.Item key={kind} onClick={() => put([...blocks, blank(kind)])}>{word} <span className="muted small">{what}</span></Menu.Item>)}</Menu.Dropdown>
        </Menu>
        <MeanwhileNote meanwhile={meanwhile} />
        {error != null && <ErrorNote error={error} />}
        <div className="editor-actions">
          <Button type="submit" disabled={!ready}>Save</Button>
          <Button variant="subtle" onClick={onCancel}>{changed ? "Discard changes" : "Cancel"}</Button>
        </div>
      </form>
      <div className="report-preview" aria-label="Preview" role="region" aria-busy={preview.isFetching}>
        <p className="preview-title"><bdi>{draft.title || "Untitled"}</bdi></p>
        <Loaded query={preview}>{(content) => <Parts content={content} />}</Loaded>
      </div>
    </div>
  );
}
