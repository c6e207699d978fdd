import { Button, Textarea } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, type Tagged } from "@/api/client";
import type { Page as Article } from "@/api/types";
import { MeanwhileNote, useEdit } from "@/ui/edits";
import { useHotkeys } from "@/ui/hotkeys";
import { Markdown } from "@/ui/Markdown";
import { hasMarks, type Merged, mergeText } from "@/ui/merge";
import { ErrorNote } from "@/ui/states";
import { pageQuery } from "./queries";

function merge(was: Article, mine: string, newest: Article): Merged<string> {
  const { text, conflicts } = mergeText(was.body, mine, newest.body, `version ${newest.version} by ${newest.author}`);
  return { draft: text, conflicts: conflicts ? [conflicts === 1 ? "the same lines in one place" : `the same lines in ${conflicts} places`] : [] };
}

function Preview({ body, marked }: { body: string; marked: boolean }) {
  if (marked) return <p className="muted">How it will look is shown again when the conflict is settled.</p>;
  return body ? <Markdown text={body} /> : <p className="muted">The page has no text.</p>;
}

/** A page's text beside how it will look. Ctrl S saves. */
export function EditText({ page, close }: { page: Tagged<Article>; close: () => void }) {
  const client = useQueryClient();
  const [body, setBody] = useState(page.body);
  const edit = useEdit(page, {
    save: (text: string, { etag }) => api.patch("/api/v1/pages/{page_id}", { path: { page_id: page.id }, body: { body: text }, match: etag }),
    read: () => client.fetchQuery({ ...pageQuery(page.id), staleTime: 0 }),
    merge,
    put: setBody,
    done: async () => {
      await client.invalidateQueries({ queryKey: ["page", page.id] });
      close();
    },
  });
  const marked = hasMarks(body);
  const ready = !edit.busy && !marked && body !== edit.seen.body;
  useHotkeys({ "mod+s": () => ready && edit.save(body) });
  return (
    <form className="stack" aria-label="Edit the page" onSubmit={(event) => { event.preventDefault(); if (ready) edit.save(body); }}>
      <MeanwhileNote meanwhile={edit.meanwhile} />
      {edit.error && <ErrorNote error={edit.error} />}
      <div className="columns halves">
        <Textarea className="text-editor" label="Text" description="Markdown" data-autofocus autosize minRows={12} maxRows={40} value={body} onChange={(event) => setBody(event.currentTarget.value)} error={marked ? "A conflict is still marked: choose what is to stay, and take the marks away." : undefined} />
        <section aria-label="Preview" className="break"><Preview body={body} marked={marked} /></section>
      </div>
      <div className="toolbar">
        <Button type="submit" disabled={!ready} loading={edit.busy}>Save as version {edit.seen.version + 1}</Button>
        <Button variant="default" onClick={close}>{body === edit.seen.body ? "Cancel" : "Discard changes"}</Button>
      </div>
    </form>
  );
}
