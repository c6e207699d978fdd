import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link } from "wouter";
import { runQuery } from "@/api/queries";
import type { RunDetail } from "@/api/types";
import { Marks, StatusBadge } from "@/ui/Badge";
import { IdChip, Name, Time } from "@/ui/bits";
import { CopyAs, pythonString } from "@/ui/CopyAs";
import { formatDuration, formatElapsed, formatMemory } from "@/ui/format";
import { useHotkeys } from "@/ui/hotkeys";
import { LabelChip } from "@/ui/LabelChip";
import { later } from "@/ui/later";
import { Page, projectTrail } from "@/ui/Page";
import { ErrorNote, Loading } from "@/ui/states";
import { Tabs } from "@/ui/Tabs";
import { useUrlState } from "@/ui/urlState";
import { Beside } from "./comments/Beside";
import { RequestReview } from "@/ui/RequestReview";
import { WhoSees } from "@/ui/WhoSees";
import { SummaryTab } from "./run/SummaryTab";

const MetricsTab = later(() => import("./run/MetricsTab"));
const MediaTab = later(() => import("./run/MediaTab"));
const ConfigTab = later(() => import("./run/ConfigTab"));
const CodeTab = later(() => import("./run/CodeTab"));
const EnvironmentTab = later(() => import("./run/EnvironmentTab"));
const ArtifactsTab = later(() => import("./run/ArtifactsTab"));
const LineageTab = later(() => import("./run/LineageTab"));
const OutputTab = later(() => import("./run/OutputTab"));
const DiscussionTab = later(() => import("./run/DiscussionTab"));
const HistoryTab = later(() => import("./run/HistoryTab"));

const TABS: Record<string, [string, (detail: RunDetail) => ReactNode]> = {
  summary: ["Summary", (detail) => <SummaryTab detail={detail} />],
  metrics: ["Metrics", (detail) => <MetricsTab detail={detail} />],
  media: ["Media", (detail) => <MediaTab detail={detail} />],
  config: ["Config", (detail) => <ConfigTab detail={detail} />],
  code: ["Code", (detail) => <CodeTab detail={detail} />],
  environment: ["Environment", (detail) => <EnvironmentTab detail={detail} />],
  artifacts: ["Artifacts", (detail) => <ArtifactsTab detail={detail} />],
  lineage: ["Lineage", (detail) => <LineageTab detail={detail} />],
  output: ["Output", (detail) => <OutputTab detail={detail} />],
  discussion: ["Discussion", (detail) => <DiscussionTab detail={detail} />],
  history: ["History", (detail) => <HistoryTab detail={detail} />],
};

const OPEN_REVIEW = ["open", "changes_requested"];

function ReviewButton({ detail: { run }, onReview }: { detail: RunDetail; onReview: () => void }) {
  const open = run.marks.find((mark) => mark.kind === "review" && OPEN_REVIEW.includes(mark.label));
  if (open) return <Button component={Link} href={`/reviews/${open.ref}`}>Go to the review</Button>;
  if (run.marks.some((mark) => mark.kind === "team_result")) return null;
  const running = run.status === "running";
  return <Button onClick={onReview} disabled={running} title={running ? "A run can be reviewed when it has ended" : "Request a review (r)"}>Request review</Button>;
}

function Actions({ detail, onReview }: { detail: RunDetail; onReview: () => void }) {
  const { run } = detail;
  const recipe = {
    cli: `runward runs show ${run.id}`,
    python: `detail = workspace.tracking.get_run(${pythonString(run.id)})\n`,
  };
  return (
    <>
      <CopyAs recipe={recipe} />
      <ReviewButton detail={detail} onReview={onReview} />
    </>
  );
}

/** What a run used of its machine, as far as it was seen. */
function usedBy(run: RunDetail["run"]): string[] {
  return [
    run.peak_memory_bytes !== null && `${formatMemory(run.peak_memory_bytes)} memory`,
    run.cpu_s !== null && `${formatDuration(run.cpu_s)} CPU`,
    run.peak_gpu_memory_bytes !== null && `${formatMemory(run.peak_gpu_memory_bytes)} GPU memory`,
    run.gpu_percent !== null && `GPU ${run.gpu_percent} % busy`,
  ].filter((word) => word !== false);
}

function Facts({ detail: { run } }: { detail: RunDetail }) {
  return (
    <p className="byline muted">
      <IdChip id={run.id} label="run id" /> by <Name>{run.created_by}</Name> · started <Time at={run.started_at} /> · {formatElapsed(run)}
      {usedBy(run).length > 0 && <> · <span title="At the most, over all of its processes">{usedBy(run).join(" · ")}</span></>}
      {run.experiment && <> · experiment <Name>{run.experiment}</Name></>}
      {run.rerun_of && <> · rerun of <Link href={`/runs/${run.rerun_of}`} className="mono">{run.rerun_of.slice(0, 8)}</Link></>}
    </p>
  );
}

/** One run: what it was for, how it stands, and everything that was captured, in tabs that are addresses. */
export default function RunPage({ id, tab }: { id: string; tab: string }) {
  const query = useQuery(runQuery(id));
  const [url, setUrl] = useUrlState();
  const asked = url.get("review") === "1";
  useHotkeys({ r: () => setUrl({ review: "1" }) });
  if (!query.data) return <Page title="Run" trail={[["Projects", "/projects"]]}>{query.isError ? <ErrorNote error={query.error} retry={() => void query.refetch()} /> : <Loading rows={10} />}</Page>;
  const detail = query.data;
  const { run } = detail;
  const shown = TABS[tab] ?? TABS.summary;
  return (
    <Page title={run.name || run.id} trail={projectTrail(run.project)}
      badges={<span className="badges"><StatusBadge status={run.status} /><Marks run={run} all /><LabelChip thing={`run:${run.id}`} /></span>}
      actions={<><WhoSees project={run.project} thing={`run:${run.id}`} /><Actions detail={detail} onReview={() => setUrl({ review: "1" })} /></>}>
      {run.purpose && <p className="purpose"><bdi>{run.purpose}</bdi></p>}
      <Facts detail={detail} />
      <Tabs base={`/runs/${id}`} current={TABS[tab] ? tab : "summary"} tabs={Object.entries(TABS).map(([key, [word]]) => [key, word])} label="Parts of the run" />
      <Beside detail={detail}>{shown?.[1](detail)}</Beside>
      <RequestReview run={run} opened={asked && run.status !== "running"} close={() => setUrl({ review: null })} />
    </Page>
  );
}
