import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "wouter";
import { replicatesQuery } from "@/api/repro";
import type { ReplicateGroup, ReplicateMetric, Run } from "@/api/types";
import { Figure, Name, Section } from "@/ui/bits";
import { plural } from "@/ui/format";
import { Scroll } from "@/ui/Scroll";

const SHOWN = 12;
const RUNS = 30;

/** Each run's value as a dot, this run's filled; the interval of the mean as a line. */
function Strip({ metric, group }: { metric: ReplicateMetric; group: ReplicateGroup }) {
  const values = group.runs.map((run) => run.values[metric.key] ?? null);
  const known = [...values, metric.low, metric.high].filter((value): value is number => value !== null);
  if (known.length < 2) return null;
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const at = (value: number) => (low === high ? "50%" : `${4 + ((value - low) / (high - low)) * 92}%`);
  return (
    <svg className="seed-strip" aria-hidden="true">
      {metric.low !== null && metric.high !== null && <line x1={at(metric.low)} x2={at(metric.high)} y1="50%" y2="50%" />}
      {values.map((value, i) => value !== null && i > 0 && <circle key={i} cx={at(value)} cy="50%" r="3.5" />)}
      {values[0] !== null && values[0] !== undefined && <circle className="own" cx={at(values[0])} cy="50%" r="4" />}
      {metric.mean !== null && <line className="mean" x1={at(metric.mean)} x2={at(metric.mean)} y1="15%" y2="85%" />}
    </svg>
  );
}

function Metrics({ group }: { group: ReplicateGroup }) {
  const [all, setAll] = useState(false);
  const shown = all ? group.metrics : group.metrics.slice(0, SHOWN);
  return (
    <Scroll label="Seeds">
      <table className="plain-table">
        <thead><tr><th>Metric</th><th className="num">This run</th><th className="num">Mean</th><th className="num">95 % interval</th><th className="wide">Each seed</th><th className="num">n</th></tr></thead>
        <tbody>
          {shown.map((metric) => (
            <tr key={metric.key}>
              <th scope="row"><Name>{metric.key}</Name></th>
              <td className="num"><Figure value={group.runs[0]?.values[metric.key]} /></td>
              <td className="num"><Figure value={metric.mean} /></td>
              <td className="num nowrap">{metric.low === null || metric.high === null ? <span className="muted">not enough</span> : <><Figure value={metric.low} /> to <Figure value={metric.high} /></>}</td>
              <td className="wide"><Strip metric={metric} group={group} /></td>
              <td className="num nowrap">{metric.n}{metric.diverged > 0 && <span className="tone-amber small"> + {metric.diverged} diverged</span>}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {shown.length < group.metrics.length && <button type="button" className="link" onClick={() => setAll(true)}>Show all {plural(group.metrics.length, "metric")}</button>}
    </Scroll>
  );
}

function Runs({ group }: { group: ReplicateGroup }) {
  const [, ...others] = group.runs;
  return (
    <p className="small muted seed-runs">
      {others.slice(0, RUNS).map((run) => <Link key={run.run_id} href={`/runs/${run.run_id}`} title={run.name}>{run.seed === null ? run.name : `seed ${run.seed}`}</Link>)}
      {others.length > RUNS && <span>and {others.length - RUNS} more</span>}
      <Link href={`/compare?${group.runs.slice(0, 200).map((run) => `run=${run.run_id}`).join("&")}`}>compare them all</Link>
      {group.failed.length > 0 && <span className="tone-amber">{plural(group.failed.length, "run")} of the same content did not finish: {group.failed.slice(0, 5).map((id) => <Link key={id} href={`/runs/${id}`} className="mono">{id.slice(0, 8)} </Link>)}</span>}
    </p>
  );
}

/** The runs that differ from this one in nothing but the seed, each metric with its mean and interval. */
export function Replicates({ run }: { run: Run }) {
  const { data: group } = useQuery({ ...replicatesQuery(run.id), enabled: run.status !== "running" });
  if (!group || group.metrics.length === 0) return null;
  const n = group.runs.length;
  return (
    <Section title="Seeds" aside={<span className="muted small">{n > 1 ? `${plural(n, "run")} that differ in nothing but the seed` : "not enough: one run tells no spread"}</span>}>
      {n > 1 ? <><Metrics group={group} /><Runs group={group} /></> : (
        <p className="muted small">No other finished run of this project has the same code, parameters, packages and data and another seed. <code>runward run --seed N -- …</code> makes one; two give an interval, three a first comparison.{group.failed.length > 0 && ` ${plural(group.failed.length, "run")} of the same content did not finish.`}</p>
      )}
    </Section>
  );
}
