import { Button, SegmentedControl } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useMemo, useState } from "react";
import { Link } from "wouter";
import { useMe } from "@/api/session";
import type { ReviewDetail } from "@/api/types";
import { Badge, Marks } from "@/ui/Badge";
import { BADGES, badgeFor } from "@/ui/badges";
import { IdChip, Name, Section, Time } from "@/ui/bits";
import { Checks } from "@/ui/Checks";
import { CopyAs, pythonString } from "@/ui/CopyAs";
import { plural } from "@/ui/format";
import { Markdown } from "@/ui/Markdown";
import { Page } from "@/ui/Page";
import { ErrorNote, Loading } from "@/ui/states";
import { useUrlState } from "@/ui/urlState";
import { WhoSees } from "@/ui/WhoSees";
import { Changes, ProposedChange } from "./Changes";
import { Conversation } from "./Conversation";
import { DecisionBar } from "./DecisionBar";
import { comparisonQuery, markSeen, reviewQuery, useAct } from "./queries";
import { ReportMenu } from "./ReportMenu";
import { SimilarNote } from "./SimilarNote";
import { Since } from "./Since";
import { placesIn, pointedAt, standsAt, threadsOf } from "./talk";
import { TalkProvider } from "./Thread";

function ChecksPart({ detail }: { detail: ReviewDetail }) {
  const act = useAct(detail);
  const over = ["applied", "rejected", "withdrawn"].includes(detail.review.state);
  const waive = (check: string, reason: string) => act.mutate({ kind: "waive", check, reason });
  return (
    <Section title="Checks" aside={!over && <Button variant="subtle" size="compact-xs" loading={act.isPending} onClick={() => act.mutate({ kind: "checks" })}>Run again</Button>}>
      {act.isError && <ErrorNote error={act.error} />}
      <Checks checks={detail.checks} waive={detail.may.includes("waive") ? waive : undefined} />
    </Section>
  );
}

/** Notes what was seen once the reader had time to look. */
function useSeen(detail: ReviewDetail) {
  const { revision, id } = detail.review;
  const remark = detail.comments.at(-1)?.id ?? 0;
  useEffect(() => {
    const timer = window.setTimeout(() => void markSeen(detail).catch(() => undefined), 4000);
    return () => window.clearTimeout(timer);
    // eslint-disable-next-line react-hooks/exhaustive-deps -- only what is new is noted again
  }, [id, revision, remark]);
}

function Byline({ detail: { review, run, further } }: { detail: ReviewDetail }) {
  if (!run) {
    return (
      <p className="byline muted">
        <Name>{review.author}</Name> proposes {review.proposes === "page" ? "a page" : "standards"} for <Link href={`/projects/${review.project}`}>{review.project}</Link> · <Time at={review.created_at} /> · revision <IdChip id={review.revision} label="revision" />
      </p>
    );
  }
  return (
    <p className="byline muted">
      <Name>{review.author}</Name> asks for {review.model && <><Link href={`/models/${encodeURIComponent(review.model)}/${review.version}`}><Name>{`${review.model} ${review.version}`}</Name></Link> made by </>}
      <Link href={`/runs/${run.id}`}><Name>{run.name || run.id}</Name></Link>{further && further.length > 0 && <> and {plural(further.length, "further run")}</>} in <Link href={`/projects/${review.project}`}>{review.project}</Link> to
      become {review.model ? <><Name>{review.alias ?? ""}</Name>{review.alias_now ? ` in place of version ${review.alias_now}` : ""}</> : "a team result"} · <Time at={review.created_at} /> · revision <IdChip id={review.revision} label="revision" /> <Marks run={run} without="review" />
    </p>
  );
}

function Loaded({ detail }: { detail: ReviewDetail }) {
  const [url, setUrl] = useUrlState();
  const me = useMe().data?.name ?? "";
  const [seen] = useState(detail.seen);
  const base = detail.base?.id ?? "";
  const against = url.get("against") ?? (base ? "base" : "none");
  const other = against === "base" ? base : against === "none" ? "" : against;
  const { run } = detail;
  const compared = useQuery(comparisonQuery(run ? other : "", run?.id ?? ""));
  const files = other ? compared.data?.code : detail.changes;
  const places = useMemo(() => placesIn(files ?? []), [files]);
  const threads = threadsOf(detail.comments);
  const pointed = useMemo(() => (run ? pointedAt(detail, threadsOf(detail.comments), places) : new Map<string, number[]>()), [detail, places, run]);
  const placed = threads.filter(({ first }) => {
    const at = standsAt(first);
    return places.has(at) || /^(params|metrics)\./.test(at) || pointed.has(at.replace(/:\d+$/, ""));
  });
  useSeen(detail);
  const choices = !run ? [] : [
    ...(base ? [{ value: "base", label: `Against ${detail.base?.name ?? "the base"}` }] : []),
    ...(against !== "base" && against !== "none" ? [{ value: against, label: "Against what I saw" }] : []),
    { value: "none", label: "On its own" },
  ];
  return (
    <TalkProvider detail={detail} seen={seen?.remark ?? 0}>
      <Byline detail={detail} />
      <SimilarNote id={detail.review.id} />
      {detail.review.description && <Markdown text={detail.review.description} />}
      <Since detail={{ ...detail, seen }} me={me} onCompare={(run) => setUrl({ against: run })} />
      {choices.length > 1 && <div className="toolbar"><SegmentedControl size="xs" aria-label="Compare" data={choices} value={against} onChange={(value) => setUrl({ against: value === (base ? "base" : "none") ? null : value })} /></div>}
      <div className="columns review-columns">
        {!run ? <ProposedChange detail={detail} threads={threads} /> : other && !compared.data ? (compared.isError ? <ErrorNote error={compared.error} retry={() => void compared.refetch()} /> : <Loading rows={10} />) : <Changes detail={{ ...detail, run }} threads={threads} compared={other ? compared.data : undefined} pointed={pointed} />}
        <div>
          <ChecksPart detail={detail} />
          <Conversation detail={detail} threads={threads} placed={placed} />
        </div>
      </div>
      <DecisionBar detail={detail} />
    </TalkProvider>
  );
}

/** A review: on the left what it is about, on the right evidence and conversation, below the decision. */
export default function ReviewPage({ id }: { id: string }) {
  const query = useQuery(reviewQuery(id));
  const trail: [string, string][] = [["Reviews", "/reviews"]];
  if (!query.data) {
    return <Page title="Review" trail={trail}>{query.isError ? <ErrorNote error={query.error} retry={() => void query.refetch()} /> : <Loading rows={12} />}</Page>;
  }
  const { review } = query.data;
  const recipe = { cli: `runward review show ${review.number}`, python: `review = workspace.review.get_review(${pythonString(review.id)})\n` };
  return (
    <Page fill title={review.title} trail={trail} actions={<><WhoSees project={review.project} /><ReportMenu detail={query.data} /><CopyAs recipe={recipe} /></>}
      badges={<span className="badges"><Badge spec={badgeFor(review.state)} />{review.overridden && <Badge spec={BADGES.not_reviewed} />}<span className="muted">#{review.number}</span>{query.data.run && !query.data.verification && <Badge spec={BADGES.not_attempted} quiet />}</span>}>
      <Loaded key={review.id} detail={query.data} />
    </Page>
  );
}
