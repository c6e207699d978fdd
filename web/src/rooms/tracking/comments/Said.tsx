import { Button } from "@mantine/core";
import { useEffect, useRef, useState } from "react";
import { useMe } from "@/api/session";
import type { Comment } from "@/api/types";
import { Name, Time } from "@/ui/bits";
import { Markdown } from "@/ui/Markdown";
import { ErrorNote, Loaded } from "@/ui/states";
import { Composer } from "@/ui/Composer";
import { useEdit, useRemove, useVersions } from "./queries";

function Versions({ comment }: { comment: Comment }) {
  const query = useVersions(comment.id, comment.version, true);
  return (
    <Loaded query={query} rows={2}>
      {(versions) => (
        <ol className="versions" aria-label="Versions">
          {versions.map((version) => (
            <li key={version.version}>
              <p className="muted small">version {version.version} · <Time at={version.at} /></p>
              <Markdown text={version.body} />
            </li>
          ))}
        </ol>
      )}
    </Loaded>
  );
}

function Removing({ comment, close }: { comment: Comment; close: () => void }) {
  const remove = useRemove(comment.run_id);
  const keep = useRef<HTMLButtonElement>(null);
  useEffect(() => keep.current?.focus(), []);
  return (
    <div className="removing" role="group" aria-label="Remove the comment">
      <p>Its text{comment.version > 1 ? ` and its ${comment.version} versions` : ""} will be gone for good. Its place in the thread stays.</p>
      {remove.isError && <ErrorNote error={remove.error} />}
      <Button size="compact-xs" color="red" disabled={remove.isPending} onClick={() => remove.mutate(comment.id, { onSuccess: close })}>Remove it</Button>
      <Button size="compact-xs" variant="subtle" ref={keep} onClick={close}>Keep it</Button>
    </div>
  );
}

type Doing = "reading" | "editing" | "removing" | "history";

/** One comment: who said it when, whether it was changed or taken away, and what its author may do with it. */
export function Said({ comment, project }: { comment: Comment; project: string }) {
  const [doing, setDoing] = useState<Doing>("reading");
  const me = useMe().data;
  const edit = useEdit(comment.run_id);
  const mine = me?.name === comment.author;
  const mayRemove = mine || [me?.role, ...Object.values(me?.teams ?? {})].some((role) => role === "maintainer" || role === "admin");
  const toggle = (what: Doing) => setDoing(doing === what ? "reading" : what);
  if (comment.removed) {
    return <div className="said-one"><p className="muted small">A comment by <Name>{comment.author}</Name> of <Time at={comment.at} /> was removed{comment.removed_by && <> by <Name>{comment.removed_by}</Name></>}.</p></div>;
  }
  return (
    <div className="said-one">
      <p className="said">
        <strong><Name>{comment.author}</Name></strong>
        <span className="muted small"><Time at={comment.at} /></span>
        {comment.edited_at && <button type="button" className="link small" aria-expanded={doing === "history"} onClick={() => toggle("history")}>edited</button>}
        <span className="said-actions">
          {mine && <button type="button" className="link small" onClick={() => toggle("editing")}>Edit</button>}
          {mayRemove && <button type="button" className="link small" onClick={() => toggle("removing")}>Remove</button>}
        </span>
      </p>
      {doing === "editing" ? (
        <Composer project={project} label="Your comment" action="Save" initial={comment.body} busy={edit.isPending} error={edit.error} onCancel={() => setDoing("reading")}
          onSend={(body) => edit.mutate({ id: comment.id, body, version: comment.version }, { onSuccess: () => setDoing("reading") })} />
      ) : <Markdown text={comment.body} />}
      {doing === "history" && <Versions comment={comment} />}
      {doing === "removing" && <Removing comment={comment} close={() => setDoing("reading")} />}
    </div>
  );
}
