import { Checkbox } from "@mantine/core";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import { api } from "@/api/client";
import type { Comparison } from "@/api/types";
import { Marks, StatusBadge } from "@/ui/Badge";
import { Name, Section } from "@/ui/bits";
import { ChartPanel } from "@/ui/chart/ChartPanel";
import { looksOf } from "@/ui/chart/colors";
import { Swatch } from "@/ui/chart/Swatch";
import { CopyAs, pythonString } from "@/ui/CopyAs";
import { Diffs } from "@/ui/Diff";
import { plural } from "@/ui/format";
import { Page, projectTrail } from "@/ui/Page";
import { Empty, Loaded } from "@/ui/states";
import { useUrlState } from "@/ui/urlState";
import { rangeOf } from "./chartState";
import { ComparedRows } from "./ComparedRows";
import { useLines } from "./lines";

const CHARTS = 12;

function Heads({ runs, onDrop }: { runs: Comparison["runs"]; onDrop: (id: string) => void }) {
  const looks = looksOf(runs.map((run) => run.id));
  return (
    <ul className="compared">
      {runs.map((run) => (
        <li key={run.id}>
          <Swatch look={looks.get(run.id)} />
          <Link href={`/runs/${run.id}`}><Name>{run.name || run.id}</Name></Link>
          <StatusBadge status={run.status} />
          <Marks run={run} />
          {runs.length > 2 && <button type="button" className="clear" aria-label={`Take ${run.name} out`} onClick={() => onDrop(run.id)}>×</button>}
        </li>
      ))}
    </ul>
  );
}

function Curves({ comparison }: { comparison: Comparison }) {
  const [url, setUrl] = useUrlState();
  const keys = comparison.metrics.map((row) => row.key).filter((key) => comparison.runs.some((run) => (run.metrics[key]?.n ?? 0) > 1)).slice(0, CHARTS);
  const charts = useLines(comparison.runs, keys, 600);
  if (keys.length === 0) return null;
  return (
    <Section title="Curves">
      <div className="charts">
        {charts.map(({ key, lines }) => (
          <ChartPanel key={key} title={key} lines={lines} height={190} range={rangeOf(url)} onRange={(next) => setUrl({ x: next ? next.join("..") : null })} />
        ))}
      </div>
    </Section>
  );
}

function Sides({ comparison, all }: { comparison: Comparison; all: boolean }) {
  const { runs } = comparison;
  return (
    <>
      <ComparedRows title="Metrics" rows={comparison.metrics} runs={runs} all={all} numeric />
      <ComparedRows title="Parameters" rows={comparison.params} runs={runs} all={all} />
      <Curves comparison={comparison} />
      <ComparedRows title="Environment" rows={comparison.environment} runs={runs} all={all} />
      <Section title={`Code of the first two${runs.length > 2 ? ` of ${runs.length}` : ""}`}>
        <Diffs files={comparison.code} none="The same code, or code was not captured for both." />
      </Section>
    </>
  );
}

/** Runs side by side: only what differs, unless everything is asked for. */
export default function ComparePage() {
  const [url, setUrl] = useUrlState();
  const ids = url.getAll("run");
  const all = url.get("all") === "1";
  const query = useQuery({
    queryKey: ["comparison", ids],
    queryFn: ({ signal }) => api.get("/api/v1/comparisons", { query: { run_ids: ids }, signal }),
    enabled: ids.length > 1,
    placeholderData: keepPreviousData,
  });
  const recipe = { cli: `runward runs compare ${ids.join(" ")}${all ? " --all" : ""}`, python: `comparison = workspace.tracking.compare([${ids.map(pythonString).join(", ")}])\n` };
  const project = query.data?.runs[0]?.project;
  if (ids.length < 2) {
    return <Page title="Compare" trail={[["Projects", "/projects"]]}><Empty title="Choose two or more runs">In a project, select runs with <kbd>x</kbd> and press <kbd>c</kbd>.</Empty></Page>;
  }
  return (
    <Page title={`Compare ${plural(ids.length, "run")}`} trail={project ? projectTrail(project) : [["Projects", "/projects"]]} actions={<CopyAs recipe={recipe} />}>
      <Loaded query={query} rows={12}>
        {(comparison) => (
          <>
            <Heads runs={comparison.runs} onDrop={(id) => setUrl({ run: ids.filter((other) => other !== id) })} />
            <div className="toolbar"><Checkbox size="xs" label="Show what is the same, too" checked={all} onChange={() => setUrl({ all: all ? null : "1" })} /></div>
            <Sides comparison={comparison} all={all} />
          </>
        )}
      </Loaded>
    </Page>
  );
}
