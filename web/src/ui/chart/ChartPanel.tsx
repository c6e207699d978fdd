import { type ReactNode, useMemo, useState } from "react";
import { Link } from "wouter";
import { Figure, Name } from "../bits";
import { formatNumber, formatUtc, plural } from "../format";
import { later } from "../later";
import { at, prepare } from "./prepare";
import { Swatch } from "./Swatch";
import type { ChartProps, Line, Pointer, XAxis } from "./types";

const LineChart = later(() => import("./LineChart"), ({ height }) => <div className="bone" style={{ height }} />);
const LEGEND = 12;

const WORDS: Record<XAxis, string> = { step: "step", relative: "relative time", wall: "time" };

function placed(axis: XAxis, x: number): string {
  if (axis === "step") return `step ${formatNumber(Math.round(x))}`;
  return axis === "wall" ? formatUtc(new Date(x * 1000).toISOString()) : `after ${formatNumber(x)} s`;
}

const special = (value: number | undefined) => (value === undefined || Number.isFinite(value) ? "" : Number.isNaN(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity");
const specials = (line: Line) => line.values.reduce((n, value) => n + (Number.isFinite(value) ? 0 : 1), 0);

function Legend({ lines, axis, weight, pointer, linkOf }: { lines: Line[]; axis: XAxis; weight: number; pointer: Pointer | null; linkOf?: (line: Line) => string }) {
  const near = lines.length > LEGEND ? lines.filter((line) => line.id === pointer?.nearest) : [];
  const shown = [...near, ...lines.filter((line) => !near.includes(line))].slice(0, LEGEND);
  return (
    <ul className="chart-legend">
      {prepare(shown, { axis, weight }).map((prepared) => {
        const { line, y } = prepared;
        const value = y[at(prepared, pointer?.x ?? null)];
        return (
          <li key={line.id} className={pointer && lines.length > 1 && line.id === pointer.nearest ? "near" : undefined}>
            <Swatch look={line} />
            {linkOf ? <Link href={linkOf(line)}><Name>{line.label}</Name></Link> : lines.length > 1 && <Name>{line.label}</Name>}
            <Figure value={value} special={special(value)} />
            {specials(line) > 0 && <span className="tone-amber">× {plural(specials(line), "value")} not finite</span>}
          </li>
        );
      })}
      {lines.length > LEGEND && <li className="muted">and {plural(lines.length - LEGEND, "more line")}: point at one to see its name</li>}
    </ul>
  );
}

/** One metric over the steps of one or more runs, with its legend and the values under the pointer. */
export function ChartPanel({ title, linkOf, aside, onTalk, ...chart }: Omit<ChartProps, "onPointer"> & {
  title: string;
  linkOf?: (line: Line) => string;
  aside?: ReactNode;
  /** Opens the conversation about the chart; `t` does so too. */
  onTalk?: () => void;
}) {
  const { lines, axis = "step", weight = 0 } = chart;
  const [pointer, setPointer] = useState<Pointer | null>(null);
  const said = useMemo(() => {
    const some = lines.slice(0, LEGEND).map((line) => `${line.label}: ${plural(line.steps.length, "point")}`).join("; ");
    return `Chart of ${title} by ${WORDS[axis]}. ${plural(lines.length, "line")}. ${some}`;
  }, [lines, title, axis]);
  return (
    <figure className="chart" style={{ margin: 0 }}>
      <figcaption>
        <bdi title={title}>{title}</bdi>
        <span className="muted small">{pointer === null ? "last" : placed(axis, pointer.x)}</span>
        {aside}
      </figcaption>
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions -- the group takes the chart's keys */}
      <div role="group" tabIndex={0} className="chart-keys" aria-label={`${title}: arrows move, + and − zoom, 0 shows all${onTalk ? ", t discusses" : ""}`}
        onKeyDown={(event) => event.key === "t" && event.target === event.currentTarget && onTalk?.()}>
        <LineChart {...chart} label={said} onPointer={setPointer} />
      </div>
      <Legend lines={lines} axis={axis} weight={weight} pointer={pointer} linkOf={linkOf} />
    </figure>
  );
}
