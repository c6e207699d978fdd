import { SegmentedControl } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link, useLocation } from "wouter";
import type { Review } from "@/api/types";
import { Badge } from "@/ui/Badge";
import { BADGES, badgeFor } from "@/ui/badges";
import { Name, Time } from "@/ui/bits";
import { CopyAs, pythonString } from "@/ui/CopyAs";
import { Page } from "@/ui/Page";
import { Empty, Loaded } from "@/ui/states";
import { useUrlState } from "@/ui/urlState";
import { useRowKeys } from "@/ui/useRowKeys";
import { reviewsQuery, type ReviewState } from "./queries";
import { Scroll } from "@/ui/Scroll";

const STATES = [
  { value: "waiting", label: "Waiting for me" },
  { value: "open", label: "Open" },
  { value: "changes_requested", label: "Changes requested" },
  { value: "draft", label: "Drafts" },
  { value: "applied", label: "Applied" },
  { value: "all", label: "All" },
];

function Rows({ reviews }: { reviews: Review[] }) {
  const [, navigate] = useLocation();
  const active = useRowKeys(reviews.length, { open: (i) => reviews[i] && navigate(`/reviews/${reviews[i].id}`) });
  return (
    <Scroll label="Reviews">
      <table className="plain-table">
        <thead><tr><th>Review</th><th>State</th><th className="wide">About</th><th className="wide">Project</th><th className="wide">Author</th><th>Approvals</th><th className="wide">Changed</th></tr></thead>
        <tbody>
          {reviews.map((review, i) => (
            <tr key={review.id} aria-current={i === active ? "true" : undefined}>
              <th scope="row"><span className="muted">#{review.number} </span><Link href={`/reviews/${review.id}`}><bdi>{review.title || review.run_name}</bdi></Link></th>
              <td><Badge spec={review.overridden ? BADGES.not_reviewed : badgeFor(review.state)} /></td>
              <td className="wide">{review.run_id ? <Link href={`/runs/${review.run_id}`}><Name>{review.run_name}</Name></Link> : <span className="muted">{review.proposes}</span>}</td>
              <td className="wide"><Link href={`/projects/${review.project}`}><Name>{review.project}</Name></Link></td>
              <td className="wide"><Name>{review.author}</Name></td>
              <td className="nowrap">{review.approvals} of {review.approvals_needed}</td>
              <td className="wide muted nowrap"><Time at={review.updated_at} /></td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

/** All reviews that the reader may see. */
export default function ReviewsPage() {
  const [url, setUrl] = useUrlState();
  const state = url.get("state") ?? "open";
  const query = useQuery(reviewsQuery(state === "all" ? "" : (state as ReviewState | "waiting")));
  const recipe = { cli: `runward review list${state === "all" ? "" : state === "waiting" ? " --waiting" : ` --state ${state}`}`, python: `reviews = workspace.review.list_reviews(${state === "all" ? "" : state === "waiting" ? "waiting=True" : `state=${pythonString(state)}`})\n` };
  return (
    <Page title="Reviews" trail={[]} actions={<CopyAs recipe={recipe} />}>
      <div className="toolbar">
        <SegmentedControl size="xs" data={STATES} value={state} onChange={(value) => setUrl({ state: value === "open" ? null : value })} aria-label="State" />
      </div>
      <Loaded query={query}>
        {(reviews) => reviews.length ? <Rows reviews={reviews} /> : (
          <Empty title={state === "open" ? "No review is open" : state === "waiting" ? "Nothing waits for you" : "No review here"} language="shell" code={'runward review request @last --title "Better learning rate"'}>
            A review turns a run into a team result. Ask for one on a run’s page with <kbd>r</kbd>, or:
          </Empty>
        )}
      </Loaded>
    </Page>
  );
}
