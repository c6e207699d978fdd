import type { ReviewDetail } from "@/api/types";
import { Badge } from "@/ui/Badge";
import { BADGES } from "@/ui/badges";
import { IdChip, Name, Section, Time } from "@/ui/bits";
import { plural } from "@/ui/format";
import { Markdown } from "@/ui/Markdown";
import { openRemarks, type Thread } from "./talk";
import { ThreadBox } from "./Thread";

type Entry = { at: string; key: string; who: string; what: React.ReactNode; body: string };

function voteWord(vote: ReviewDetail["votes"][number]) {
  const spec = vote.verdict === "approve" ? { ...BADGES.team_result, word: "approves", meaning: "This reviewer agrees that it becomes a team result." } : { ...BADGES.changes_requested, word: "asks for changes" };
  return (
    <>
      <Badge spec={spec} quiet /> {vote.outdated && <Badge spec={BADGES.outdated} />}
      {vote.kept && <span className="muted small">given on an earlier revision, stands by the project’s rule</span>}
      {!vote.counts && !vote.outdated && <span className="muted small">does not count: had a part in it, or may not approve any more</span>}
    </>
  );
}

function entriesOf(detail: ReviewDetail): Entry[] {
  const votes = detail.votes.map((vote, i): Entry => ({ at: vote.at, key: `vote${i}`, who: vote.reviewer, what: voteWord(vote), body: vote.comment }));
  const said = openRemarks(detail.comments).map((one): Entry => ({ at: one.at, key: `remark${one.id}`, who: one.author, what: null, body: one.body }));
  const revisions = (detail.revisions ?? []).slice(0, -1).map((one): Entry => ({
    at: one.at, key: one.digest, who: one.by, what: <span className="muted">changed {one.changed.join(", ") || "it"} · now <IdChip id={one.digest} label="revision" /></span>, body: "",
  }));
  return [...votes, ...said, ...revisions].sort((a, b) => a.at.localeCompare(b.at));
}

/** Threads that stand nowhere on the page, then votes, remarks and revisions in the order in which they came. */
export function Conversation({ detail, threads, placed }: { detail: ReviewDetail; threads: Thread[]; placed: Thread[] }) {
  const entries = entriesOf(detail);
  const open = placed.filter((thread) => thread.first.resolved_at == null);
  const homeless = threads.filter((thread) => !placed.includes(thread));
  return (
    <>
      {threads.length > 0 && (
        <Section title="Threads" aside={<span className="muted small">{plural(threads.filter((one) => one.first.resolved_at == null).length, "open one", "open ones")}</span>}>
          {open.length > 0 && <ul className="plain-list thread-links">{open.map(({ first }) => <li key={first.id}><a href={`#thread-${first.id}`}><code>{first.anchor}</code></a> <span className="muted small"><Name>{first.author}</Name></span></li>)}</ul>}
          {homeless.map((thread) => <ThreadBox key={thread.first.id} thread={thread} />)}
        </Section>
      )}
      <Section title="Conversation">
        {entries.length === 0 && <p className="muted">Nobody has said anything yet.</p>}
        <ol className="conversation">
          {entries.map((entry) => (
            <li key={entry.key}>
              <p className="said"><strong><Name>{entry.who}</Name></strong> {entry.what} <span className="muted small"><Time at={entry.at} /></span></p>
              {entry.body && <Markdown text={entry.body} />}
            </li>
          ))}
        </ol>
      </Section>
    </>
  );
}
