import { Link } from "wouter";
import type { RunDetail } from "@/api/types";
import { Facts, Figure, Name, Section, Time } from "@/ui/bits";
import { CodeBlock } from "@/ui/CodeBlock";
import { formatCount, formatElapsed, formatValue, plural } from "@/ui/format";
import { ChartPanel } from "@/ui/chart/ChartPanel";
import { Empty } from "@/ui/states";
import { useLines } from "../lines";
import { BaselineDeltas } from "./Baseline";
import { Gates } from "./Gates";
import { Replicates } from "./Replicates";
import { Reproduction } from "./Reproduction";
import { Scroll } from "@/ui/Scroll";

function Metrics({ detail }: { detail: RunDetail }) {
  if (detail.metrics.length === 0) {
    return <Empty title="No metric logged" code={`run.log_metrics({"loss": loss}, step=step)`}>Each figure that the run logs shows up here while it runs.</Empty>;
  }
  return (
    <Scroll label="Metrics">
      <table className="plain-table">
        <thead><tr><th>Metric</th><th className="num">Last</th><th className="num">Min</th><th className="num">Max</th><th className="num">Points</th><th className="num wide">Last step</th></tr></thead>
        <tbody>
          {detail.metrics.map((metric) => (
            <tr key={metric.key}>
              <th scope="row" className="key"><Link href={`/runs/${detail.run.id}/metrics?m=${encodeURIComponent(metric.key)}`}><Name>{metric.key}</Name></Link></th>
              <td className="num"><Figure value={metric.last} special={metric.last_special} /></td>
              <td className="num"><Figure value={metric.min} /></td>
              <td className="num"><Figure value={metric.max} /></td>
              <td className="num">{formatCount(metric.n)}</td>
              <td className="num wide">{metric.last_step}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

/** The first curves, so that the page answers "how did it go" at once. */
function Curves({ detail }: { detail: RunDetail }) {
  const keys = detail.metrics.filter((metric) => metric.n > 1).slice(0, 2).map((metric) => metric.key);
  const charts = useLines([detail.run], keys, 400);
  if (keys.length === 0) return null;
  return (
    <div className="charts strip">
      {charts.map(({ key, lines }) => <ChartPanel key={key} title={key} lines={lines} height={150} />)}
    </div>
  );
}

/** What failed, when something did. */
function Failure({ detail: { run } }: { detail: RunDetail }) {
  if (run.status !== "failed" && !run.error) return null;
  return (
    <div className="note tone-red failure">
      <strong>The run failed{run.exit_code === null ? "" : ` with exit code ${run.exit_code}`}</strong>
      {run.error && <CodeBlock code={run.error} label="error" />}
      <p><Link href={`/runs/${run.id}/output`}>All of its output</Link></p>
    </div>
  );
}

/** The run at a glance. */
export function SummaryTab({ detail }: { detail: RunDetail }) {
  const { run } = detail;
  const tags = Object.entries(run.tags);
  return (
    <>
      <Failure detail={detail} />
      <div className="columns">
        <div>
          <Curves detail={detail} />
          <Section title="Metrics"><Metrics detail={detail} /></Section>
          <BaselineDeltas id={run.id} />
          <Replicates run={run} />
          <Section title="Parameters" aside={<Link href={`/runs/${run.id}/config`}>All {plural(detail.params.length, "parameter")}</Link>}>
            <Facts rows={detail.params.slice(0, 12).map((param) => [param.key, <span key="v" className="mono">{formatValue(param.value)}</span>])} />
          </Section>
        </div>
        <div>
        <Gates run={run} />
        <Reproduction run={run} />
        <Section title="How it came to be">
          <Facts rows={[
            ["Commit", run.commit ? <Link key="c" className="mono" href={`/runs/${run.id}/code`}>{run.commit.slice(0, 12)}{run.dirty ? " + uncommitted changes" : ""}</Link> : "not in a repository"],
            ["Branch", <span key="b" className="mono">{run.branch || "–"}</span>],
            ["Seed", run.seed === null ? "not set" : <span key="s" className="figure">{run.seed}</span>],
            ["Started", <Time key="t" at={run.started_at} />],
            ["Duration", formatElapsed(run)],
            ["Exit code", run.exit_code === null ? "–" : String(run.exit_code)],
            ["Artifacts", <Link key="a" href={`/runs/${run.id}/artifacts`}>{plural(detail.artifacts.length, "file")}</Link>],
            ["Fingerprint", <span key="f" className="mono">{run.fingerprint ? run.fingerprint.slice(0, 12) : "–"}</span>],
            ...tags.map(([key, value]): [string, React.ReactNode] => [`tag ${key}`, <Name key={key}>{value}</Name>]),
          ]} />
        </Section>
        </div>
      </div>
    </>
  );
}
