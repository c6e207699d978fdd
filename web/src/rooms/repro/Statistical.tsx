import { Badge } from "@/ui/Badge";
import { comparedBadge } from "@/ui/badges";
import { Facts, Figure, Section } from "@/ui/bits";
import { formatNumber, plural } from "@/ui/format";
import { type Equivalence, meanOf, type MetricEvidence, type RawReport, type Sample } from "./report";

const HEIGHT = 96;
const LINES: [string, number][] = [["Recorded", 26], ["Rerun", 56]];

interface Scale {
  at: (value: number) => string;
}

/** From value to place; what has no end goes to the edge. */
function scaleOf(values: number[]): Scale {
  const finite = values.filter(Number.isFinite);
  const [low, high] = [Math.min(...finite), Math.max(...finite)];
  const pad = (high - low || Math.abs(high) || 1) * 0.08;
  const [from, to] = [low - pad, high + pad];
  return { at: (value) => `${Math.max(0, Math.min(100, (100 * (value - from)) / (to - from)))}%` };
}

function Dots({ samples, y, scale }: { samples: Sample[]; y: number; scale: Scale }) {
  const mean = meanOf(samples);
  return (
    <>
      {samples.map((sample, i) => sample.value !== null && <circle key={i} cx={scale.at(sample.value)} cy={y} r="4" />)}
      {mean !== null && <line className="dots-mean" x1={scale.at(mean)} x2={scale.at(mean)} y1={y - 9} y2={y + 9} />}
    </>
  );
}

/** Both sides' values, and the interval of the new mean, as the difference gives it, against the margin around the old one. */
function Picture({ evidence, found }: { evidence: MetricEvidence; found: Equivalence | undefined }) {
  const centre = meanOf(evidence.baseline);
  const values = [...evidence.baseline, ...evidence.candidate].flatMap((sample) => (sample.value === null ? [] : [sample.value]));
  if (centre === null) return <p className="muted">Every recorded run diverged: there is no value to draw.</p>;
  const [low, high] = [centre - evidence.margin, centre + evidence.margin];
  const ends = [found?.low, found?.high].map((end) => (end === null || end === undefined ? null : centre + end));
  const scale = scaleOf([...values, low, high, ...ends.filter((end): end is number => end !== null)]);
  return (
    <figure className="dots">
      <svg width="100%" height={HEIGHT} role="img" aria-label={`Values of ${evidence.metric}: recorded and rerun, with the margin`}>
        <rect className="dots-margin" x={scale.at(low)} width={`${Math.max(0, parseFloat(scale.at(high)) - parseFloat(scale.at(low)))}%`} y={10} height={HEIGHT - 14} />
        {LINES.map(([label, y]) => <line key={label} className="dots-line" x1="0" x2="100%" y1={y} y2={y} />)}
        {LINES.map(([label, y]) => <text key={label} className="svg-tick" x="0" y={y - 7}>{label}</text>)}
        <g className="dots-recorded"><Dots samples={evidence.baseline} y={26} scale={scale} /></g>
        <g className="dots-rerun"><Dots samples={evidence.candidate} y={56} scale={scale} /></g>
        {found?.difference !== null && found?.difference !== undefined && (
          <g className="dots-interval">
            <line x1={ends[0] === null || ends[0] === undefined ? "0" : scale.at(ends[0])} x2={ends[1] === null || ends[1] === undefined ? "100%" : scale.at(ends[1])} y1={82} y2={82} />
            <circle cx={scale.at(centre + found.difference)} cy={82} r="3.5" />
          </g>
        )}
      </svg>
      <figcaption className="muted small dots-key">
        <span><i className="key-recorded" /> recorded</span><span><i className="key-rerun" /> rerun</span><span>│ mean</span><span><i className="key-margin" /> margin around the recorded mean</span><span><i className="key-interval" /> interval of the difference</span>
        <span className="figure">{formatNumber(low)} to {formatNumber(high)}</span>
      </figcaption>
    </figure>
  );
}

/** Runs per side at the last look, as the server counts. */
const MOST_RUNS = 20;

const diverged = (samples: Sample[]) => samples.filter((sample) => sample.value === null).length;

/** How far an undecided metric is from a decision. */
function toDecide({ more, n_candidate }: Equivalence): string {
  if (!more) return "even a thousand more runs would hardly decide";
  return `about ${more} more runs per side${n_candidate + more > MOST_RUNS ? `, which is beyond the ${MOST_RUNS} that are looked at` : ""}`;
}

function Metric({ evidence, found }: { evidence: MetricEvidence; found: Equivalence | undefined }) {
  const recorded = evidence.baseline.filter((sample) => sample.run).length;
  const gone = [diverged(evidence.baseline), diverged(evidence.candidate)] as const;
  const rows: [string, React.ReactNode][] = [
    ["Margin", <span key="m">±<Figure value={evidence.margin} />, {evidence.margin_from === "declared" ? "declared before the reruns" : `the default, from ${plural(evidence.declared_on, "recorded value")}`}</span>],
    ["Baseline", `${plural(recorded, "recorded run")}${evidence.baseline.length > recorded ? ` and ${evidence.baseline.length - recorded} run anew` : ""}`],
    ["Reruns", String(evidence.candidate.length)],
  ];
  if (gone[0] || gone[1]) rows.push(["Diverged", `${gone[0]} of the baseline, ${gone[1]} of the reruns`]);
  if (found) {
    rows.push(
      ["Difference", found.difference === null ? "–" : <span key="d"><Figure value={found.difference} />, {((1 - 2 * found.alpha) * 100).toFixed(1)} % interval {found.low === null ? "unbounded" : <Figure value={found.low} />} to {found.high === null ? "unbounded" : <Figure value={found.high} />}</span>],
      ["Method", `${found.method}, ${found.alpha} a side at this look`],
      ["Looks", `after ${found.looks.join(", ")} runs per side`],
    );
    if (found.outcome === "undecided") rows.push(["To decide", toDecide(found)]);
  }
  return (
    <div className="difference">
      <h3><bdi className="mono">{evidence.metric}</bdi> {found ? <Badge quiet spec={comparedBadge(found.outcome)} /> : <span className="muted small">too few runs for a first look</span>}</h3>
      <Picture evidence={evidence} found={found} />
      <Facts rows={rows} />
    </div>
  );
}

/** The numbers behind a statistical verdict, metric by metric. */
export function Statistical({ report }: { report: RawReport }) {
  const { statistics } = report;
  if (!statistics?.metrics?.length) return null;
  return (
    <Section title="The numbers" aside={<span className="muted small">Equivalent is what has its whole interval within the margin</span>}>
      {statistics.metrics.map((evidence, i) => <Metric key={evidence.metric} evidence={evidence} found={statistics.found?.[i]} />)}
      {statistics.failed?.length ? <p className="small">Not counted, since they did not finish: <span className="mono">{statistics.failed.join(", ")}</span>.</p> : null}
    </Section>
  );
}
