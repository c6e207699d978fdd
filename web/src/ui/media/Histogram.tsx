import { formatNumber } from "../format";

export interface Bins {
  edges: number[];
  counts: number[];
}

const [W, H] = [420, 150];

/** Edges and counts of a histogram file; null for what is none. */
export function binsOf(text: string): Bins | null {
  try {
    const { edges, counts } = JSON.parse(text) as Partial<Bins>;
    const numbers = (list: unknown): list is number[] => Array.isArray(list) && list.every((one) => typeof one === "number" && Number.isFinite(one));
    return numbers(edges) && numbers(counts) && counts.length > 0 && edges.length === counts.length + 1 ? { edges, counts } : null;
  } catch {
    return null;
  }
}

/** How values were spread at a step. */
export function HistogramBars({ bins }: { bins: Bins }) {
  const { edges, counts } = bins;
  const [low, high, most] = [edges[0] ?? 0, edges.at(-1) ?? 1, Math.max(...counts, 1)];
  const x = (edge: number) => ((edge - low) / (high - low || 1)) * W;
  return (
    <figure className="svg-figure">
      <svg viewBox={`0 0 ${W} ${H}`} role="img" aria-label={`Histogram from ${formatNumber(low)} to ${formatNumber(high)}, ${formatNumber(counts.reduce((a, b) => a + b, 0))} values`} preserveAspectRatio="none" className="bars">
        {counts.map((count, i) => <rect key={i} x={x(edges[i] ?? 0)} width={Math.max(1, x(edges[i + 1] ?? 0) - x(edges[i] ?? 0) - 1)} y={H - (count / most) * H} height={(count / most) * H}><title>{`${formatNumber(edges[i])} to ${formatNumber(edges[i + 1])}: ${formatNumber(count)}`}</title></rect>)}
      </svg>
      <div className="bar-ends mono small muted"><span>{formatNumber(low)}</span><span>{formatNumber(high)}</span></div>
    </figure>
  );
}

/** All steps of a histogram as a picture: across the steps, up the values, darker where more of them are. */
export function HistogramSteps({ steps, current }: { steps: { step: number; bins: Bins }[]; current: number }) {
  const edges = steps.flatMap(({ bins }) => [bins.edges[0] ?? 0, bins.edges.at(-1) ?? 1]);
  const [low, high] = [Math.min(...edges), Math.max(...edges)];
  const y = (edge: number) => H - ((edge - low) / (high - low || 1)) * H;
  const width = W / steps.length;
  return (
    <figure className="svg-figure">
      <svg viewBox={`0 0 ${W} ${H}`} role="img" aria-label={`${steps.length} steps, values from ${formatNumber(low)} to ${formatNumber(high)}`} preserveAspectRatio="none" className="bars">
        {steps.map(({ step, bins }, i) => {
          const most = Math.max(...bins.counts, 1);
          return bins.counts.map((count, j) => count > 0 && <rect key={`${step} ${j}`} x={i * width} width={width} y={y(bins.edges[j + 1] ?? 0)} height={Math.max(0.6, y(bins.edges[j] ?? 0) - y(bins.edges[j + 1] ?? 0))} fillOpacity={0.1 + 0.9 * (count / most)} />);
        })}
        {steps.map(({ step }, i) => step === current && <rect key={step} className="bar-here" x={i * width} width={width} y={0} height={H} />)}
      </svg>
      <div className="bar-ends mono small muted"><span>step {formatNumber(steps[0]?.step)}</span><span>{formatNumber(low)} to {formatNumber(high)}</span><span>step {formatNumber(steps.at(-1)?.step)}</span></div>
    </figure>
  );
}
