import type uPlot from "uplot";
import { type Prepared, visible } from "./prepare";
import type { Range } from "./types";

/** Below this many points each one is drawn as a dot. */
const FEW = 12;
/** Above this many lines each is thinner and raw curves are left out: nobody could tell them apart. */
const MANY = 40;

const DASHES = [[], [6, 4], [2, 3], [10, 3, 2, 3]];

interface Scales {
  x: (place: number) => number;
  y: (value: number) => number;
  range: Range;
}

/** Straight arithmetic in place of uPlot's per-point calls: a picture of 200 lines has 100,000 points. */
export function scalesOf(plot: uPlot): Scales {
  const { left, top, width, height } = plot.bbox;
  const map = (key: "x" | "y", start: number, length: number) => {
    const { min = 0, max = 1, distr } = plot.scales[key] ?? {};
    const read = distr === 3 ? Math.log10 : (value: number) => value;
    const [low, high] = [read(min ?? 0), read(max ?? 1)];
    const factor = length / (high - low || 1);
    return distr === 3 ? (value: number) => start + (Math.log10(value) - low) * factor : (value: number) => start + (value - low) * factor;
  };
  const up = map("y", 0, height);
  const { min, max } = plot.scales.x ?? {};
  return { x: map("x", left, width), y: (value) => top + height - up(value), range: [min ?? 0, max ?? 1] };
}

function trace(ctx: CanvasRenderingContext2D, prepared: Prepared, values: Float64Array, scales: Scales): void {
  const [start, end] = visible(prepared, scales.range);
  let open = false;
  ctx.beginPath();
  for (let i = start; i < end; i += 1) {
    const x = scales.x(prepared.x[i] ?? NaN);
    const y = scales.y(values[i] ?? NaN);
    if (!Number.isFinite(x) || !Number.isFinite(y)) open = false;
    else if (open) ctx.lineTo(x, y);
    else {
      ctx.moveTo(x, y);
      open = true;
    }
  }
  ctx.stroke();
}

function dots(ctx: CanvasRenderingContext2D, prepared: Prepared, scales: Scales, radius: number): void {
  ctx.beginPath();
  for (let i = 0; i < prepared.x.length; i += 1) {
    const [x, y] = [scales.x(prepared.x[i] ?? NaN), scales.y(prepared.y[i] ?? NaN)];
    if (!Number.isFinite(x) || !Number.isFinite(y)) continue;
    ctx.moveTo(x + radius, y);
    ctx.arc(x, y, radius, 0, 2 * Math.PI);
  }
  ctx.fill();
}

/** Marks what has no place on the axis (NaN, infinities) with a cross at the foot of the chart. */
function crosses(ctx: CanvasRenderingContext2D, prepared: Prepared, scales: Scales, foot: number, size: number): void {
  ctx.beginPath();
  prepared.line.values.forEach((value, i) => {
    const x = scales.x(prepared.x[i] ?? NaN);
    if (Number.isFinite(value) || !Number.isFinite(x)) return;
    ctx.moveTo(x - size, foot - size);
    ctx.lineTo(x + size, foot + size);
    ctx.moveTo(x + size, foot - size);
    ctx.lineTo(x - size, foot + size);
  });
  ctx.stroke();
}

/** All lines onto the canvas; the highlighted one last and thicker. */
export function drawLines(plot: uPlot, all: Prepared[], color: (index: number) => string, highlighted: string | null): void {
  const { ctx, bbox } = plot;
  const scales = scalesOf(plot);
  const many = all.length > MANY;
  const pixel = devicePixelRatio;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.lineJoin = "round";
  const last = all.find(({ line }) => line.id === highlighted);
  for (const prepared of last ? [...all.filter((one) => one !== last), last] : all) {
    const { line } = prepared;
    ctx.strokeStyle = ctx.fillStyle = color(line.color);
    ctx.setLineDash(many ? [] : (DASHES[line.dash % DASHES.length] ?? []).map((length) => length * pixel));
    if (prepared.raw && !many) {
      ctx.globalAlpha = 0.28;
      ctx.lineWidth = pixel;
      trace(ctx, prepared, prepared.raw, scales);
    }
    ctx.globalAlpha = last && prepared !== last ? 0.45 : 1;
    ctx.lineWidth = (prepared === last ? 2.6 : many ? 1 : 1.6) * pixel;
    trace(ctx, prepared, prepared.y, scales);
    ctx.setLineDash([]);
    if (!many && line.steps.length <= FEW) dots(ctx, prepared, scales, (line.steps.length === 1 ? 4 : 2.5) * pixel);
    if (!many) crosses(ctx, prepared, scales, bbox.top + bbox.height - 7 * pixel, 3.5 * pixel);
  }
  ctx.restore();
}
