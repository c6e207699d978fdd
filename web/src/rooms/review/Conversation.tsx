import type { ReviewDetail } from "@/api/types";
import { Badge } from "@/ui/Badge";
import { BADGES } from "@/ui/badges";
import { Name, Section, Time } from "@/ui/bits";
import { Markdown } from "@/ui/Markdown";

type Entry = { at: string; key: string; who: string; what: React.ReactNode; body: string };

function voteWord(vote: ReviewDetail["votes"][number]) {
  const spec = vote.verdict === "approve" ? { ...BADGES.team_result, word: "approves", meaning: "This reviewer agrees that it becomes a team result." } : { ...BADGES.changes_requested, word: "asks for changes" };
  return (
    <>
      <Badge spec={spec} quiet /> {vote.outdated && <Badge spec={BADGES.outdated} />}
      {!vote.counts && !vote.outdated && <span className="muted small">does not count: it is the author’s own</span>}
    </>
  );
}

function entriesOf(detail: ReviewDetail): Entry[] {
  const votes = detail.votes.map((vote, i): Entry => ({ at: vote.at, key: `vote${i}`, who: vote.reviewer, what: voteWord(vote), body: vote.comment }));
  const comments = detail.comments.map((comment): Entry => ({
    at: comment.at, key: `comment${comment.id}`, who: comment.author, what: comment.anchor && <code className="small">{comment.anchor}</code>, body: comment.body,
  }));
  return [...votes, ...comments].sort((a, b) => a.at.localeCompare(b.at));
}

/** Votes and remarks in the order in which they were given. */
export function Conversation({ detail }: { detail: ReviewDetail }) {
  const entries = entriesOf(detail);
  return (
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
  );
}
