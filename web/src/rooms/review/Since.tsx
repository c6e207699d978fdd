import type { ReviewDetail } from "@/api/types";
import { Figure, Name, Time } from "@/ui/bits";
import { plural } from "@/ui/format";
import { newsOf } from "./talk";

/** What changed since the reader last looked; nothing where nothing did. */
export function Since({ detail, me, onCompare }: { detail: ReviewDetail; me: string; onCompare: (run: string) => void }) {
  const news = newsOf(detail, me);
  if (!detail.seen || (news.parts.length === 0 && news.remarks.length === 0 && !news.run)) return null;
  return (
    <aside className="since" aria-label="Since you looked">
      <strong>Since you looked</strong> <span className="muted small"><Time at={detail.seen.at} /></span>
      {news.run && <span>it is about another run: <button type="button" className="link" onClick={() => onCompare(news.run)}>compare with the one you saw</button></span>}
      {news.parts.length > 0 && <span>{news.parts.join(", ")} changed</span>}
      {news.metrics.slice(0, 3).map(({ key, then, now }) => <span key={key}><Name>{key}</Name> <Figure value={then} /> → <Figure value={now} /></span>)}
      {news.remarks.length > 0 && <span>{plural(news.remarks.length, "new remark")}</span>}
    </aside>
  );
}
