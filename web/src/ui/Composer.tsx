import { Button, Textarea } from "@mantine/core";
import { type KeyboardEvent, useId, useRef, useState } from "react";
import { flushSync } from "react-dom";
import { useReaders } from "@/api/readers";
import { mentionAt, withMention } from "./mentions";
import { ErrorNote } from "./states";

const OFFERED = 6;

interface Props {
  project: string;
  label: string;
  action: string;
  initial?: string;
  busy: boolean;
  error: unknown;
  /** A text that a button puts in. */
  template?: { label: string; text: string };
  onSend: (body: string, done: () => void) => void;
  onCancel?: () => void;
}

/** Who may be meant by the name that is being typed. */
function useOffers(project: string, text: string, caret: number, dismissed: string | null): string[] {
  const typed = mentionAt(text, caret);
  const readers = useReaders(project, typed !== null);
  if (typed === null || typed === dismissed) return [];
  return (readers.data ?? []).filter((name) => name.toLowerCase().startsWith(typed.toLowerCase()) && name !== typed).slice(0, OFFERED);
}

/** A field for Markdown. Ctrl and Enter send, Escape leaves, and a name after an @ is completed. */
export function Composer({ project, label, action, initial = "", busy, error, template, onSend, onCancel }: Props) {
  const [text, setText] = useState(initial);
  const [caret, setCaret] = useState(initial.length);
  const [at, setAt] = useState(0);
  const [dismissed, setDismissed] = useState<string | null>(null);
  const field = useRef<HTMLTextAreaElement>(null);
  const list = useId();
  const offers = useOffers(project, text, caret, dismissed);
  const chosen = Math.min(at, offers.length - 1);
  const complete = (name: string) => {
    const [next, place] = withMention(text, caret, name);
    flushSync(() => {
      setText(next);
      setCaret(place);
      setAt(0);
    });
    field.current?.focus();
    field.current?.setSelectionRange(place, place);
  };
  const send = () => text.trim() && !busy && onSend(text, () => setText(""));
  const onKey = (event: KeyboardEvent) => {
    if (event.nativeEvent.isComposing) return;
    const name = offers[chosen];
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) send();
    else if (name && event.key === "ArrowDown") setAt((chosen + 1) % offers.length);
    else if (name && event.key === "ArrowUp") setAt((chosen + offers.length - 1) % offers.length);
    else if (name && (event.key === "Enter" || event.key === "Tab")) complete(name);
    else if (name && event.key === "Escape") setDismissed(mentionAt(text, caret));
    else if (event.key === "Escape" && onCancel) onCancel();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <form className="composer" onSubmit={(event) => { event.preventDefault(); send(); }}>
      <Textarea ref={field} label={label} description="Markdown; @name tells a member; Ctrl Enter sends." autosize minRows={2} maxRows={14} value={text}
        onChange={(event) => { setText(event.currentTarget.value); setCaret(event.currentTarget.selectionStart); setDismissed(null); }}
        onSelect={(event) => setCaret(event.currentTarget.selectionStart)} onKeyDown={onKey}
        aria-autocomplete="list" aria-controls={offers.length ? list : undefined} aria-activedescendant={offers.length ? `${list}-${chosen}` : undefined} />
      {offers.length > 0 && (
        <ul id={list} className="mentions" role="listbox" aria-label="Members">
          {offers.map((name, i) => (
            <li key={name} id={`${list}-${i}`} role="option" aria-selected={i === chosen} onMouseDown={(event) => { event.preventDefault(); complete(name); }}><bdi>{name}</bdi></li>
          ))}
        </ul>
      )}
      {error != null && <ErrorNote error={error} />}
      <div className="composer-actions">
        <Button type="submit" size="xs" disabled={!text.trim() || busy}>{action}</Button>
        {template && <Button size="xs" variant="default" disabled={busy || text.includes(template.text)} onClick={() => { setText((now) => now + template.text); field.current?.focus(); }}>{template.label}</Button>}
        {onCancel && <Button size="xs" variant="subtle" onClick={onCancel}>Cancel</Button>}
      </div>
    </form>
  );
}
