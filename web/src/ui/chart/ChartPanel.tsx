import { lazy, Suspense, useMemo, useState } from "react";
import { Link } from "wouter";
import { Figure, Name } from "../bits";
import { plural } from "../format";
import { Swatch } from "./Swatch";
import type { Line, Range } from "./types";

const LineChart = lazy(() => import("./LineChart"));

/** The value a line has at a step, or the last one before it. */
function valueAt(line: Line, step: number | null): { value: number | null; special: string } {
  let i = line.steps.length - 1;
  if (step !== null) while (i > 0 && (line.steps[i] ?? 0) > step) i -= 1;
  return { value: line.values[i] ?? null, special: line.special[String(i)] ?? "" };
}

const specials = (line: Line) => Object.keys(line.special).length;

/** One metric over the steps of one or more runs, with its legend and the values under the pointer. */
export function ChartPanel({ title, lines, log, weight, height, range, onRange, linkOf }: {
  title: string;
  lines: Line[];
  log?: boolean;
  weight?: number;
  height?: number;
  range?: Range;
  onRange?: (range: Range | null) => void;
  linkOf?: (line: Line) => string;
}) {
  const [step, setStep] = useState<number | null>(null);
  const said = useMemo(
    () => lines.map((line) => `${line.label}: ${plural(line.steps.length, "point")}`).join("; "),
    [lines],
  );
  return (
    <figure className="chart" style={{ margin: 0 }}>
      <figcaption>
        <bdi>{title}</bdi>
        <span className="muted small">{step === null ? "last" : `step ${step}`}</span>
      </figcaption>
      <div role="img" aria-label={`Chart of ${title} by step. ${said}`}>
        <Suspense fallback={<div className="bone" style={{ height }} />}>
          <LineChart lines={lines} log={log} weight={weight} height={height} range={range} onRange={onRange} onCursor={setStep} />
        </Suspense>
      </div>
      <ul className="chart-legend">
        {lines.map((line) => (
          <li key={line.id}>
            <Swatch look={line} />
            {linkOf ? <Link href={linkOf(line)}><Name>{line.label}</Name></Link> : lines.length > 1 && <Name>{line.label}</Name>}
            <Figure {...valueAt(line, step)} />
            {specials(line) > 0 && <span className="tone-amber">× {plural(specials(line), "value")} not finite</span>}
          </li>
        ))}
      </ul>
    </figure>
  );
}
