import { Checkbox } from "@mantine/core";
import { useLayoutEffect, useRef, useState } from "react";
import { Link } from "wouter";
import type { Differences, Run } from "@/api/types";
import { cssColor, lookOf } from "@/ui/chart/colors";
import { formatValue, plural } from "@/ui/format";
import { Loading } from "@/ui/states";
import { useUrlState } from "@/ui/urlState";
import { FieldPicker } from "./FieldPicker";
import { defaultFields, fieldsOf, useAxes } from "./fields";
import { type Axis, placeOf, spearman, ticksOf } from "./scales";

const [WIDEST, H, LEFT, FOOT, TOP, RIGHT] = [720, 420, 76, 34, 10, 16];
// A little air on all sides, so that no point lies on the frame.
const airy = (place: number) => 0.03 + place * 0.94;
const across = (width: number) => (place: number) => LEFT + airy(place) * (width - LEFT - RIGHT);
const py = (place: number) => H - FOOT - airy(place) * (H - FOOT - TOP);

function Grid({ x, y, width }: { x: Axis; y: Axis; width: number }) {
  const px = across(width);
  return (
    <g className="svg-grid" aria-hidden="true">
      {ticksOf(x, width < 480 ? 3 : 5).map(({ place, text }) => <g key={text}><line x1={px(place)} x2={px(place)} y1={TOP} y2={H - FOOT} /><text x={px(place)} y={H - 14} textAnchor="middle">{text}</text></g>)}
      {ticksOf(y).map(({ place, text }) => <g key={text}><line x1={LEFT} x2={width - RIGHT} y1={py(place)} y2={py(place)} /><text x={LEFT - 8} y={py(place) + 4} textAnchor="end">{text}</text></g>)}
    </g>
  );
}

function Points({ x, y, width, runs }: { x: Axis; y: Axis; width: number; runs: Run[] }) {
  const px = across(width);
  return runs.map((run, i) => {
    const [left, up] = [placeOf(x, x.values[i]), placeOf(y, y.values[i])];
    if (left === null || up === null) return null;
    const said = `${run.name || run.id}: ${x.label} ${formatValue(x.values[i])}, ${y.label} ${formatValue(y.values[i])}`;
    return (
      <Link key={run.id} href={`/runs/${run.id}`} aria-label={said}>
        <circle cx={px(left)} cy={py(up)} r="5.5" style={{ fill: cssColor(lookOf(run.id).color) }}><title>{said}</title></circle>
      </Link>
    );
  });
}

/** As wide as there is room: a phone gets a narrower picture, not one with smaller letters. */
function Drawing({ x, y, runs }: { x: Axis; y: Axis; runs: Run[] }) {
  const box = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(WIDEST);
  useLayoutEffect(() => {
    const watcher = new ResizeObserver(([entry]) => entry && setWidth(Math.min(WIDEST, Math.max(280, Math.round(entry.contentRect.width)))));
    if (box.current) watcher.observe(box.current);
    return () => watcher.disconnect();
  }, []);
  return (
    <div ref={box}>
      <svg viewBox={`0 0 ${width} ${H}`} role="group" aria-label={`${y.label} against ${x.label}`}>
        <Grid x={x} y={y} width={width} />
        <Points x={x} y={y} width={width} runs={runs} />
      </svg>
    </div>
  );
}

function Said({ x, y }: { x: Axis; y: Axis }) {
  const pairs = x.values.flatMap((value, i): [number, number][] => {
    const other = y.values[i];
    return typeof value === "number" && typeof other === "number" ? [[value, other]] : [];
  });
  const found = spearman(pairs);
  const drawn = x.values.filter((value, i) => placeOf(x, value) !== null && placeOf(y, y.values[i]) !== null).length;
  return (
    <p className="muted small">
      {plural(drawn, "run")} drawn{drawn < x.values.length && `, ${x.values.length - drawn} without a place on both axes`}.
      {found !== null && ` Rank correlation ${found.toFixed(2)} over ${plural(pairs.length, "run")}; it says nothing about cause.`}
    </p>
  );
}

/** Any two of parameters and metrics against each other, one point a run. */
export default function Scatter({ found }: { found: Differences }) {
  const [url, setUrl] = useUrlState();
  const fields = fieldsOf(found);
  const [first, second] = [url.get("sx") ?? fields[0] ?? "", url.get("sy") ?? defaultFields(found).find((field) => field.startsWith("metrics.")) ?? fields[1] ?? ""];
  const log = { [first]: url.get("slx"), [second]: url.get("sly") };
  const { axes, pending } = useAxes(found.runs.map((run) => run.id), [...new Set([first, second])].filter(Boolean), (field) => log[field] === "1");
  const [x, y] = [axes.find((axis) => axis.field === first), axes.find((axis) => axis.field === second)];
  if (fields.length < 1) return <p className="muted">Nothing differs between the runs, so there is nothing to draw.</p>;
  return (
    <>
      <div className="toolbar">
        <FieldPicker label="Across" value={first} fields={fields} onChange={(sx) => setUrl({ sx })} />
        <Checkbox size="xs" label="Log" aria-label="Logarithmic across" checked={url.get("slx") === "1"} onChange={() => setUrl({ slx: url.get("slx") ? null : "1" })} />
        <FieldPicker label="Up" value={second} fields={fields} onChange={(sy) => setUrl({ sy })} />
        <Checkbox size="xs" label="Log" aria-label="Logarithmic up" checked={url.get("sly") === "1"} onChange={() => setUrl({ sly: url.get("sly") ? null : "1" })} />
      </div>
      {pending && <Loading rows={8} />}
      {x && y && (
        <figure className="svg-figure">
          <Drawing x={x} y={y} runs={found.runs} />
          <figcaption><span className="mono">{y.label}</span> against <span className="mono">{x.label}</span>{(x.log || y.log) && " (logarithmic)"}</figcaption>
          <Said x={x} y={y} />
        </figure>
      )}
    </>
  );
}
