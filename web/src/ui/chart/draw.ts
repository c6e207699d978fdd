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

function drawOne(ctx: CanvasRenderingContext2D, prepared: Prepared, scales: Scales, color: string, foot: number, many: boolean, strong: boolean): void {
  const { line } = prepared;
  const pixel = devicePixelRatio;
  ctx.strokeStyle = ctx.fillStyle = color;
  ctx.setLineDash(many && !strong ? [] : (DASHES[line.dash % DASHES.length] ?? []).map((length) => length * pixel));
  if (prepared.raw && !many) {
    ctx.globalAlpha = 0.28;
    ctx.lineWidth = pixel;
    trace(ctx, prepared, prepared.raw, scales);
  }
  ctx.globalAlpha = 1;
  ctx.lineWidth = (strong ? 2.6 : many ? 1 : 1.6) * pixel;
  trace(ctx, prepared, prepared.y, scales);
  ctx.setLineDash([]);
  if (many) return;
  if (line.steps.length <= FEW) dots(ctx, prepared, scales, (line.steps.length === 1 ? 4 : 2.5) * pixel);
  crosses(ctx, prepared, scales, foot, 3.5 * pixel);
}

interface Drawn {
  lines: Prepared[];
  colors: string[];
  /** The ends of both axes, as they are read on a logarithmic one. */
  ends: number[];
}

const read = (plot: uPlot, key: "x" | "y"): [number, number] => {
  const { min, max, distr } = plot.scales[key] ?? {};
  const of = distr === 3 ? Math.log10 : (value: number) => value;
  return [of(min ?? 0), of(max ?? 1)];
};

/** Time spent on drawing while the picture moves, at most this part of it; in between the last drawing is stretched. */
const SHARE = 0.25;

/** The lines of one chart, kept as a picture: moving or pointing at something does not draw 100,000 points again. */
export class Layer {
  private readonly canvas = document.createElement("canvas");
  private drawn: Drawn | null = null;
  private at = 0;
  private took = 0;

  /** Puts the lines onto the chart, and the highlighted one thicker on top. */
  paint(plot: uPlot, lines: Prepared[], colors: string[], highlighted: string | null, moving: boolean): void {
    const { ctx, bbox } = plot;
    const ends = [...read(plot, "x"), ...read(plot, "y"), bbox.left, bbox.top, bbox.width, bbox.height];
    const same = this.drawn !== null && this.drawn.lines === lines && this.drawn.colors === colors;
    const fits = same && this.drawn?.ends.every((end, i) => end === ends[i]);
    const wait = same && moving && performance.now() - this.at < this.took / SHARE;
    if (!fits && !wait) this.draw(plot, { lines, colors, ends });
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    const [was, now] = [this.drawn?.ends ?? ends, ends];
    const stretch = ((was[1] ?? 1) - (was[0] ?? 0)) / ((now[1] ?? 1) - (now[0] ?? 0));
    const shift = (((was[0] ?? 0) - (now[0] ?? 0)) / ((now[1] ?? 1) - (now[0] ?? 0))) * bbox.width;
    if (this.canvas.width > 0) ctx.drawImage(this.canvas, bbox.left + shift, bbox.top, bbox.width * stretch, bbox.height);
    const strong = lines.find(({ line }) => line.id === highlighted);
    if (strong) drawOne(ctx, strong, scalesOf(plot), colors[strong.line.color % colors.length] ?? "", 0, lines.length > MANY, true);
    ctx.restore();
  }

  private draw(plot: uPlot, next: Drawn): void {
    const started = performance.now();
    const { left, top, width, height } = plot.bbox;
    this.canvas.width = Math.max(1, width);
    this.canvas.height = Math.max(1, height);
    const ctx = this.canvas.getContext("2d");
    if (!ctx) return;
    ctx.translate(-left, -top);
    ctx.lineJoin = "round";
    const [scales, many] = [scalesOf(plot), next.lines.length > MANY];
    for (const prepared of next.lines) drawOne(ctx, prepared, scales, next.colors[prepared.line.color % next.colors.length] ?? "", top + height - 7 * devicePixelRatio, many, false);
    this.drawn = next;
    this.at = performance.now();
    this.took = this.at - started;
  }
}
