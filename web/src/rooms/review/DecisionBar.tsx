import { Button, Menu, Textarea } from "@mantine/core";
import { useRef, useState } from "react";
import type { ReviewDetail } from "@/api/types";
import { useHotkeys } from "@/ui/hotkeys";
import { ErrorNote } from "@/ui/states";
import { type Act, useAct } from "./queries";

const OVER = { applied: "Applied", rejected: "Rejected", withdrawn: "Withdrawn" } as const;

/** Names of the runs that were a team result by this review and are none now. */
function changedSince({ review, run, further }: ReviewDetail): string[] {
  return [run, ...(further ?? [])].flatMap((one) => (one?.marks?.some((mark) => mark.kind === "team_result" && mark.label === "outdated" && mark.ref === review.id) ? [one.name] : []));
}

function outcome(detail: ReviewDetail): string {
  const { review } = detail;
  if (review.state !== "applied") return review.ending ? `: ${review.ending}` : ".";
  const changed = changedSince(detail);
  const what = review.proposes === "page" ? "the page is published" : review.proposes ? "the standards are set" : review.model ? `version ${review.version} became ${review.alias ?? ""}` : `the run ${changed.length ? "became" : "is"} a team result`;
  const since = changed.length ? ` ${changed.join(", ")} changed since: what was decided is about other content.` : "";
  return review.overridden ? ` without a review: ${what}. ${review.ending ?? ""}${since}` : `: ${what}.${since}`;
}

/** What is asked, what holds of it and who can give the rest. */
function Asked({ detail }: { detail: ReviewDetail }) {
  const over = OVER[detail.review.state as keyof typeof OVER];
  if (over) return <p><strong>{over}{outcome(detail)}</strong></p>;
  const conditions = detail.conditions ?? [];
  const left = conditions.filter((one) => !one.met).length;
  return (
    <div>
      <strong>{left ? "Still missing" : "Nothing is missing."}</strong>
      <ul className="asked">
        {[...conditions].sort((a, b) => Number(a.met) - Number(b.met)).map((one) => (
          <li key={one.said} className={one.met ? "muted" : undefined}><span aria-hidden="true" className={one.met ? "tone-green" : "tone-amber"}>{one.met ? "✓" : "○"}</span> <span className="sr-only">{one.met ? "Holds: " : "Missing: "}</span>{one.said}</li>
        ))}
      </ul>
    </div>
  );
}

/** The one place where a review is decided. `a` approves, `e` asks for changes. */
export function DecisionBar({ detail }: { detail: ReviewDetail }) {
  const [text, setText] = useState("");
  const field = useRef<HTMLTextAreaElement>(null);
  const act = useAct(detail);
  const over = detail.review.state in OVER;
  const may = (what: ReviewDetail["may"][number]) => detail.may.includes(what);
  const empty = text.trim() === "";
  const perform = (what: Act) => act.mutate(what, { onSuccess: () => setText("") });
  const ask = () => (empty ? field.current?.focus() : perform({ kind: "request_changes", comment: text }));
  const approve = () => perform({ kind: "approve", comment: text });
  useHotkeys({ a: () => may("approve") && !act.isPending && approve(), e: () => may("request_changes") && ask() });
  const more = (["reject", "withdraw", "override"] as const).filter(may);
  return (
    <section className="decision" aria-label="Decision">
      <Asked detail={detail} />
      {act.isError && <ErrorNote error={act.error} />}
      <div className="decision-form">
        <Textarea ref={field} autosize minRows={1} maxRows={8} aria-label="Comment" placeholder="Say something. Markdown works; @name tells somebody." value={text} onChange={(event) => setText(event.currentTarget.value)} />
        <div className="decision-buttons">
          <Button variant="default" disabled={empty} loading={act.isPending} onClick={() => perform({ kind: "comment", body: text })}>Comment</Button>
          {may("open") && <Button loading={act.isPending} onClick={() => perform({ kind: "open" })}>Ready for review</Button>}
          {may("apply") && <Button loading={act.isPending} onClick={() => perform({ kind: "apply" })}>Apply</Button>}
          {!over && detail.review.state !== "draft" && (
            <>
              <Button variant="default" disabled={!may("request_changes")} loading={act.isPending} title={empty ? "Say which changes you ask for (e)" : "e"} onClick={ask}>Request changes</Button>
              <Button disabled={!may("approve")} loading={act.isPending} title="a" onClick={approve}>Approve</Button>
            </>
          )}
          {more.length > 0 && (
            <Menu position="top-end" withinPortal>
              <Menu.Target><Button variant="subtle" px="xs" aria-label="More decisions">⋯</Button></Menu.Target>
              <Menu.Dropdown>
                {empty && <Menu.Label>Say why in the field first</Menu.Label>}
                {more.includes("reject") && <Menu.Item disabled={empty} onClick={() => perform({ kind: "reject", reason: text })}>Reject for good</Menu.Item>}
                {more.includes("withdraw") && <Menu.Item onClick={() => perform({ kind: "withdraw", reason: text })}>Withdraw</Menu.Item>}
                {more.includes("override") && <Menu.Item color="red" disabled={empty} onClick={() => perform({ kind: "override", reason: text })}>Apply without a review</Menu.Item>}
              </Menu.Dropdown>
            </Menu>
          )}
          {!over && !detail.may_approve && <span className="muted small">{detail.why_not}</span>}
        </div>
      </div>
    </section>
  );
}
