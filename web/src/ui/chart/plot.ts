import uPlot from "uplot";
import { formatNumber } from "../format";
import { COLORS } from "./colors";
import { positive, smooth } from "./smooth";
import type { ChartProps, Line, Range } from "./types";

interface Build extends Omit<ChartProps, "range" | "lines"> {
  /** The lines as they are now; asked for again when the chart is drawn. */
  current: () => Line[];
  width: number;
  style: CSSStyleDeclaration;
  range?: Range;
}

/** Below this many points each one is drawn as a dot. */
export const FEW = 12;

const DASHES = [undefined, [6, 4], [2, 3], [10, 3, 2, 3]];

/** Columns of one line: the shown values and, when smoothed, the raw ones behind them. */
function columnsOf(line: Line, log: boolean, weight: number): uPlot.AlignedData {
  const raw = log ? positive(line.values) : line.values;
  return weight > 0 ? [line.steps, raw, smooth(raw, weight)] : [line.steps, raw];
}

/** Marks what has no place on the axis (NaN, infinities) with a cross at the foot of the chart. */
function markSpecial(plot: uPlot, lines: Line[], color: (line: Line) => string): void {
  const { ctx, bbox } = plot;
  const size = 3.5 * devicePixelRatio;
  ctx.save();
  ctx.lineWidth = 1.6 * devicePixelRatio;
  for (const line of lines) {
    ctx.strokeStyle = color(line);
    for (const position of Object.keys(line.special)) {
      const step = line.steps[Number(position)];
      if (step === undefined) continue;
      const x = plot.valToPos(step, "x", true);
      const y = bbox.top + bbox.height - 2 * size;
      if (x < bbox.left || x > bbox.left + bbox.width) continue;
      ctx.beginPath();
      ctx.moveTo(x - size, y - size);
      ctx.lineTo(x + size, y + size);
      ctx.moveTo(x + size, y - size);
      ctx.lineTo(x - size, y + size);
      ctx.stroke();
    }
  }
  ctx.restore();
}

function seriesOf(lines: Line[], weight: number, color: (line: Line) => string): uPlot.Series[] {
  return lines.flatMap((line) => {
    const dash = DASHES[line.dash % DASHES.length];
    const alone = line.steps.length <= 1;
    const main: uPlot.Series = {
      label: line.label, stroke: color(line), width: 1.6, dash, spanGaps: false,
      points: { show: alone || line.steps.length <= FEW ? true : undefined, size: alone ? 8 : 5 },
    };
    if (weight === 0) return [main];
    return [{ ...main, alpha: 0.28, width: 1, points: { show: false } }, main];
  });
}

/** The columns of all lines on one common axis. */
export function buildData(lines: Line[], log: boolean, weight: number): uPlot.AlignedData {
  return lines.length ? uPlot.join(lines.map((line) => columnsOf(line, log, weight))) : ([[]] as unknown as uPlot.AlignedData);
}

/** How the chart looks and what it answers to. */
export function buildOptions({ current, log, weight = 0, height = 220, width, style, range, onRange, onCursor }: Build): uPlot.Options {
  const css = (name: string) => style.getPropertyValue(name).trim();
  const color = (line: Line) => css(`--rw-s${line.color % COLORS}`);
  const axis: uPlot.Axis = {
    stroke: css("--rw-muted"), font: `11px ${css("--rw-mono-face")}`,
    grid: { stroke: css("--rw-line"), width: 1 }, ticks: { stroke: css("--rw-line"), width: 1, size: 4 },
  };
  return {
    width, height, legend: { show: false }, padding: [8, 10, 0, 0],
    scales: {
      x: { time: false, ...(range ? { range: () => range } : {}) },
      y: log ? { distr: 3 } : { range: { min: { pad: 0.06, mode: 2, soft: undefined }, max: { pad: 0.06, mode: 2, soft: undefined } } },
    },
    axes: [
      { ...axis, size: 26, values: (_, ticks) => ticks.map((tick) => (Number.isInteger(tick) ? formatNumber(tick) : "")) },
      { ...axis, size: 58, values: (_, ticks) => ticks.map((tick) => (tick === null ? "" : formatNumber(tick))) },
    ],
    series: [{ label: "step" }, ...seriesOf(current(), weight, color)],
    cursor: { points: { size: 6 }, drag: { x: true, y: false, setScale: false }, bind: { dblclick: () => () => (onRange?.(null), null) } },
    hooks: {
      draw: [(plot) => markSpecial(plot, current(), color)],
      setCursor: [(plot) => onCursor?.(plot.cursor.idx == null ? null : (plot.data[0][plot.cursor.idx] ?? null))],
      setSelect: [(plot) => select(plot, onRange)],
    },
  };
}

function select(plot: uPlot, onRange: Build["onRange"]): void {
  const { left, width } = plot.select;
  if (width < 4) return;
  const edge = (x: number) => Number(plot.posToVal(x, "x").toPrecision(6));
  plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
  onRange?.([edge(left), edge(left + width)]);
}
