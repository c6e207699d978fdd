import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import type { ReviewDetail } from "@/api/types";
import { Badge, Marks } from "@/ui/Badge";
import { badgeFor } from "@/ui/badges";
import { IdChip, Name, Section, Time } from "@/ui/bits";
import { Checks } from "@/ui/Checks";
import { CopyAs, pythonString } from "@/ui/CopyAs";
import { Markdown } from "@/ui/Markdown";
import { Page } from "@/ui/Page";
import { ErrorNote, Loading } from "@/ui/states";
import { Changes } from "./Changes";

import { Conversation } from "./Conversation";
import { DecisionBar } from "./DecisionBar";
import { reviewQuery, useAct } from "./queries";

function Right({ detail }: { detail: ReviewDetail }) {
  const act = useAct(detail);
  return (
    <div>
      <Section title="Checks" aside={<Button variant="subtle" size="compact-xs" loading={act.isPending} onClick={() => act.mutate({ kind: "checks" })}>Run again</Button>}>
        {act.isError && <ErrorNote error={act.error} />}
        <Checks checks={detail.checks} />
      </Section>
      <Conversation detail={detail} />
    </div>
  );
}

/** A review: on the left what it is about, on the right evidence and conversation, below the decision. */
export default function ReviewPage({ id }: { id: string }) {
  const query = useQuery(reviewQuery(id));
  const trail: [string, string][] = [["Reviews", "/reviews"]];
  if (!query.data) {
    return <Page title="Review" trail={trail}>{query.isError ? <ErrorNote error={query.error} retry={() => void query.refetch()} /> : <Loading rows={12} />}</Page>;
  }
  const detail = query.data;
  const { review, run } = detail;
  const recipe = { cli: `runward review show ${review.number}`, python: `review = workspace.review.get_review(${pythonString(review.id)})\n` };
  return (
    <Page fill title={review.title || review.run_name} trail={trail} actions={<CopyAs recipe={recipe} />}
      badges={<span className="badges"><Badge spec={badgeFor(review.state)} /><span className="muted">#{review.number}</span></span>}>
      <p className="byline muted">
        <Name>{review.author}</Name> asks for {review.model && <><Link href={`/models/${encodeURIComponent(review.model)}?version=${review.version}`}><Name>{`${review.model} ${review.version}`}</Name></Link> made by </>}
        <Link href={`/runs/${run.id}`}><Name>{run.name || run.id}</Name></Link> in <Link href={`/projects/${review.project}`}>{review.project}</Link> to
        become {review.model ? <><Name>{review.alias ?? ""}</Name>{review.alias_now ? ` in place of version ${review.alias_now}` : ""}</> : "a team result"} · <Time at={review.created_at} /> · revision <IdChip id={review.revision} label="revision" /> <Marks run={run} without="review" />
      </p>
      {review.description && <Markdown text={review.description} />}
      <div className="columns review-columns">
        <Changes detail={detail} />
        <Right detail={detail} />
      </div>
      <DecisionBar detail={detail} />
    </Page>
  );
}
