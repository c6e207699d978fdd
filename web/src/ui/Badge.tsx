import { Link } from "wouter";
import type { Run, RunStatus } from "@/api/types";
import { Evidence } from "./Evidence";
import { type BadgeSpec, BADGES, badgeOfMark, hrefOfMark, STATUS } from "./badges";

/** A sign and a word in the colour of their meaning; never colour alone. */
export function Badge({ spec, href, quiet }: { spec: BadgeSpec; href?: string; quiet?: boolean }) {
  const body = (
    <>
      <span aria-hidden="true" className="badge-sign">{spec.sign}</span>
      {spec.word}
    </>
  );
  const className = `badge tone-${spec.tone}${quiet ? " badge-quiet" : ""}`;
  // A native title, because a table shows hundreds of these.
  return href ? <Link href={href} className={className} title={spec.meaning}>{body}</Link> : <span className={className} title={spec.meaning}>{body}</span>;
}

/** How a run stands. */
export function StatusBadge({ status }: { status: RunStatus }) {
  return <Badge spec={STATUS[status]} quiet />;
}

/** What reviews and verifications found out about a run; each badge opens its evidence. */
export function Marks({ run, all, without }: { run: Run; all?: boolean; without?: string }) {
  const isTeamResult = run.marks.some((mark) => mark.kind === "team_result");
  const shown = run.marks.filter((mark) => (all || mark.kind !== "gates" || mark.label === "closed") && !(mark.kind === "review" && (isTeamResult || mark.label === "applied")) && mark.kind !== without);
  const tried = shown.some((mark) => mark.kind === "verification");
  return (
    <span className="badges">
      {shown.map((mark) => (
        mark.kind === "verification"
          ? <Evidence key={mark.kind} mark={mark} runId={run.id} />
          : <Badge key={`${mark.kind}${mark.ref}`} spec={badgeOfMark(mark)} href={hrefOfMark(mark, run.id)} />
      ))}
      {!tried && all && <Badge spec={BADGES.not_attempted} href={`/legend`} />}
    </span>
  );
}
