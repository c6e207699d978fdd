import { Button } from "@mantine/core";
import { type PointerEvent, useRef, useState } from "react";
import { Link } from "wouter";
import type { Differences, Run } from "@/api/types";
import { Name } from "@/ui/bits";
import { formatNumber, formatValue, plural } from "@/ui/format";
import { Loading } from "@/ui/states";
import { useUrlState } from "@/ui/urlState";
import { FieldPicker } from "./FieldPicker";
import { chosenFields, defaultFields, fieldsOf, useAxes } from "./fields";
import { type Axis, brushesOf, isInside, placeOf, ticksOf, valueAt } from "./scales";

const [H, TOP, FOOT, GAP, EDGE] = [380, 34, 14, 190, 80];
const SHOWN = 20;
const py = (place: number) => H - FOOT - place * (H - FOOT - TOP);
/** A place on an axis by height; near an end it is the end, which nobody could hit exactly. */
function place(y: number): number {
  const at = (H - FOOT - y) / (H - FOOT - TOP);
  return at < 0.02 ? 0 : at > 0.98 ? 1 : at;
}

type Brushes = Map<string, [number, number]>;

/** The line of a run over all axes; it breaks where the run has no value. */
function pathOf(axes: Axis[], run: number): string {
  let open = false;
  return axes.map((axis, i) => {
    const at = placeOf(axis, axis.values[run]);
    if (at === null) {
      open = false;
      return "";
    }
    const step = `${open ? "L" : "M"}${EDGE + i * GAP} ${py(at).toFixed(1)}`;
    open = true;
    return step;
  }).join("");
}

function AxisLine({ axis, index, brush, onBrush }: { axis: Axis; index: number; brush: [number, number] | undefined; onBrush: (range: [number, number] | null) => void }) {
  const [drag, setDrag] = useState<[number, number] | null>(null);
  const zone = useRef<SVGRectElement>(null);
  const x = EDGE + index * GAP;
  const at = (event: PointerEvent) => {
    const box = zone.current?.getBoundingClientRect();
    return box ? place(TOP + ((event.clientY - box.top) / box.height) * (H - FOOT - TOP)) : 0;
  };
  const end = () => {
    if (!drag) return;
    const [low, high] = [Math.min(...drag), Math.max(...drag)];
    onBrush(high - low < 0.01 ? null : [low, high]);
    setDrag(null);
  };
  const shown = drag ?? brush;
  return (
    <g>
      <text x={x} y={16} textAnchor="middle" className="svg-axis-name"><title>{axis.field}</title>{axis.label.length > 20 ? `${axis.label.slice(0, 19)}…` : axis.label}{axis.log ? " (log)" : ""}</text>
      <line x1={x} x2={x} y1={TOP} y2={H - FOOT} className="svg-axis" />
      {ticksOf(axis).map((tick) => <text key={tick.text} x={x - 7} y={py(tick.place) + 4} textAnchor="end" className="svg-tick">{tick.text.length > 9 ? `${tick.text.slice(0, 8)}…` : tick.text}</text>)}
      {shown && <rect x={x - 9} width={18} y={py(Math.max(...shown))} height={Math.max(1, py(Math.min(...shown)) - py(Math.max(...shown)))} className="svg-brush" />}
      <rect ref={zone} x={x - 14} width={28} y={TOP} height={H - FOOT - TOP} className="svg-brush-zone"
        onPointerDown={(event) => { event.currentTarget.setPointerCapture(event.pointerId); setDrag([at(event), at(event)]); }}
        onPointerMove={(event) => drag && setDrag([drag[0], at(event)])} onPointerUp={end} onPointerCancel={() => setDrag(null)} />
    </g>
  );
}

/** The same ranges as numbers, for who does not drag. */
function RangeFields({ axis, brush, onBrush }: { axis: Axis; brush: [number, number] | undefined; onBrush: (range: [number, number] | null) => void }) {
  if (axis.names) return null;
  const [low, high] = brush ?? [0, 1];
  const set = (side: 0 | 1, text: string) => {
    const next = placeOf(axis, Number(text));
    if (text.trim() && next !== null) onBrush(side === 0 ? [next, high] : [low, next]);
  };
  const field = (side: 0 | 1, at: number) => (
    <input className="range-field" aria-label={`${axis.label} ${side ? "at most" : "at least"}`} defaultValue={formatNumber(valueAt(axis, at)).replaceAll(",", "")} key={at} inputMode="decimal"
      onBlur={(event) => event.currentTarget.value !== event.currentTarget.defaultValue && set(side, event.currentTarget.value)} onKeyDown={(event) => event.key === "Enter" && event.currentTarget.blur()} />
  );
  return <li><span className="mono small">{axis.label}</span> {field(0, low)} to {field(1, high)} {brush && <button type="button" className="clear" aria-label={`No range for ${axis.label}`} onClick={() => onBrush(null)}>×</button>}</li>;
}

function Inside({ runs, inside, last }: { runs: Run[]; inside: number[]; last: Axis | undefined }) {
  return (
    <p className="small">
      {inside.slice(0, SHOWN).map((i) => runs[i] && <Link key={runs[i].id} href={`/runs/${runs[i].id}`} className="inside-run"><Name title={last ? `${last.label} ${formatValue(last.values[i])}` : undefined}>{runs[i].name || runs[i].id}</Name></Link>)}
      {inside.length > SHOWN && <span className="muted">and {inside.length - SHOWN} more</span>}
    </p>
  );
}

/** Every run as a line over its parameters and metrics; dragging along an axis keeps the runs inside. Coloured by the last axis. */
export default function Parallel({ found }: { found: Differences }) {
  const [url, setUrl] = useUrlState();
  const all = fieldsOf(found);
  const fields = chosenFields(url.get("axes")) ?? defaultFields(found);
  const { axes, pending } = useAxes(found.runs.map((run) => run.id), fields, () => undefined);
  const brushes: Brushes = brushesOf(url.getAll("brush"));
  const inside = found.runs.map((_, i) => i).filter((i) => isInside(axes, brushes, i));
  const last = axes.at(-1);
  const brush = (field: string, range: [number, number] | null) => {
    const next = new Map(brushes);
    if (range) next.set(field, range);
    else next.delete(field);
    setUrl({ brush: [...next].map(([name, [from, to]]) => `${name}:${from.toFixed(6)}..${to.toFixed(6)}`) });
  };
  const shade = (i: number) => {
    const at = last ? placeOf(last, last.values[i]) : null;
    return at === null ? "var(--rw-muted)" : `color-mix(in oklab, var(--rw-s1) ${Math.round(at * 100)}%, var(--rw-s0))`;
  };
  const keep = () => setUrl({ run: inside.map((i) => found.runs[i]?.id ?? ""), brush: null });
  if (all.length === 0) return <p className="muted">Nothing differs between the runs, so there is nothing to draw.</p>;
  const width = 2 * EDGE + Math.max(0, axes.length - 1) * GAP;
  return (
    <>
      <div className="toolbar">
        <FieldPicker label="Add an axis" value="" fields={all.filter((field) => !fields.includes(field))} onChange={(field) => field && setUrl({ axes: [...fields, field].join(",") })} />
        <span className="chips">{fields.map((field) => <button key={field} type="button" className="chip" aria-label={`Take the axis ${field} out`} onClick={() => setUrl({ axes: fields.filter((other) => other !== field).join(","), brush: null })}>{field.replaceAll("`", "")} ×</button>)}</span>
      </div>
      {pending && <Loading rows={8} />}
      <div className="svg-scroll" tabIndex={0} role="region" aria-label="Parallel coordinates, scrollable">
        <svg viewBox={`0 0 ${width} ${H}`} style={{ minWidth: width * 0.8, maxWidth: width }} role="group" aria-label={`${plural(found.runs.length, "run")} over ${axes.map((axis) => axis.label).join(", ")}`}>
          <g fill="none" strokeWidth="1.6">
            {[...found.runs.keys()].filter((i) => !inside.includes(i)).map((i) => <path key={i} d={pathOf(axes, i)} className="svg-outside" />)}
            {inside.map((i) => <path key={i} d={pathOf(axes, i)} style={{ stroke: shade(i) }}><title>{found.runs[i]?.name}</title></path>)}
          </g>
          {axes.map((axis, i) => <AxisLine key={axis.field} axis={axis} index={i} brush={brushes.get(axis.field)} onBrush={(range) => brush(axis.field, range)} />)}
        </svg>
      </div>
      <p aria-live="polite"><strong>{inside.length} of {plural(found.runs.length, "run")}</strong> inside{last && <span className="muted"> · coloured by {last.label}, from blue (low) to orange (high)</span>} {brushes.size > 0 && inside.length > 1 && <Button variant="default" onClick={keep}>Compare only these</Button>}</p>
      {brushes.size > 0 && <Inside runs={found.runs} inside={inside} last={last} />}
      <details><summary>Ranges as numbers</summary><ul className="range-fields">{axes.map((axis) => <RangeFields key={axis.field} axis={axis} brush={brushes.get(axis.field)} onBrush={(range) => brush(axis.field, range)} />)}</ul></details>
    </>
  );
}
