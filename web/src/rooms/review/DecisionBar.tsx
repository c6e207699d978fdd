import { Button, Textarea } from "@mantine/core";
import { useState } from "react";
import type { ReviewDetail } from "@/api/types";
import { ErrorNote } from "@/ui/states";
import { type Act, useAct } from "./queries";

const OVER = { applied: "Applied", rejected: "Rejected.", withdrawn: "Withdrawn." } as const;

/** What is still missing, in sentences that say who can give it. */
function Missing({ detail }: { detail: ReviewDetail }) {
  const over = OVER[detail.review.state as keyof typeof OVER];
  const { review } = detail;
  const outcome = review.state !== "applied" ? "" : review.model ? `: version ${review.version} became ${review.alias ?? ""}.` : ": the run is a team result.";
  if (over) return <p><strong>{over}{outcome}</strong></p>;
  if (detail.missing.length === 0) return <p><strong>Nothing is missing.</strong></p>;
  return (
    <div>
      <strong>Still missing</strong>
      <ul>{detail.missing.map((sentence) => <li key={sentence}>{sentence}</li>)}</ul>
    </div>
  );
}

/** The one place where a review is decided. */
export function DecisionBar({ detail }: { detail: ReviewDetail }) {
  const [text, setText] = useState("");
  const act = useAct(detail);
  const over = detail.review.state in OVER;
  const perform = (what: Act) => act.mutate(what, { onSuccess: () => setText("") });
  const empty = text.trim() === "";
  return (
    <section className="decision" aria-label="Decision">
      <Missing detail={detail} />
      {act.isError && <ErrorNote error={act.error} />}
      <div className="decision-form">
      <Textarea autosize minRows={1} maxRows={8} aria-label="Comment" placeholder="Say something. Markdown works." value={text} onChange={(event) => setText(event.currentTarget.value)} />
      <div className="decision-buttons">
        <Button variant="default" disabled={empty} loading={act.isPending} onClick={() => perform({ kind: "comment", body: text, anchor: "" })}>Comment</Button>
        {!over && (
          <>
            <Button variant="default" disabled={empty || !detail.may_approve} loading={act.isPending} title={empty ? "Say which changes you ask for" : undefined}
              onClick={() => perform({ kind: "request_changes", comment: text })}>Request changes</Button>
            <Button disabled={!detail.may_approve} loading={act.isPending} onClick={() => perform({ kind: "approve", comment: text })}>Approve</Button>
          </>
        )}
        {!over && !detail.may_approve && <span className="muted small">{detail.why_not}</span>}
      </div>
      </div>
    </section>
  );
}
