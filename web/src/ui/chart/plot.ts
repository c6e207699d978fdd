import type uPlot from "uplot";
import { formatNumber } from "../format";
import { COLORS } from "./colors";
import { Layer, scalesOf } from "./draw";
import { extentY, nearest, type Prepared } from "./prepare";
import type { ChartProps, Pointer, Range, XAxis } from "./types";

interface Build {
  axis: XAxis;
  log: boolean;
  logX: boolean;
  height: number;
  width: number;
  style: CSSStyleDeclaration;
  /** The lines as they are now; asked for again when the chart is drawn. */
  current: () => Prepared[];
  highlighted: () => string | null;
  /** Whether the reader is moving the picture right now. */
  moving: () => boolean;
  onRange: NonNullable<ChartProps["onRange"]>;
  onPointer: NonNullable<ChartProps["onPointer"]>;
  /** A click that did not drag: the place on the axis and the nearest line. */
  onClick: (x: number, nearest: string | null) => void;
  /** After the lines were drawn. */
  onDrawn: (plot: uPlot) => void;
}

/** Ticks of an axis of seconds, in the unit that fits. */
function durations(ticks: number[]): string[] {
  const most = Math.max(...ticks.map(Math.abs));
  const [size, unit] = most >= 172_800 ? [86_400, "d"] : most >= 7200 ? [3600, "h"] : most >= 120 ? [60, "min"] : [1, "s"];
  return ticks.map((tick) => `${formatNumber(tick / size)} ${unit}`);
}

function ticksOf(axis: XAxis): uPlot.Axis["values"] {
  if (axis === "wall") return undefined;
  if (axis === "relative") return (_, ticks) => durations(ticks);
  return (_, ticks) => ticks.map((tick) => (tick !== null && Number.isInteger(tick) ? formatNumber(tick) : ""));
}

function select(plot: uPlot, onRange: Build["onRange"]): void {
  const { left, width } = plot.select;
  if (width < 4) return;
  const edge = (x: number) => Number(plot.posToVal(x, "x").toPrecision(12));
  plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
  onRange([edge(left), edge(left + width)]);
}

function pointed(plot: uPlot, all: Prepared[]): Pointer | null {
  const { left = -1, top = -1 } = plot.cursor;
  if (left < 0) return null;
  const x = plot.posToVal(left, "x");
  const { y } = scalesOf(plot);
  return { x, nearest: nearest(all, x, top * devicePixelRatio + plot.bbox.top, y)?.line.id ?? null };
}

/** How the chart looks and what it answers to. uPlot brings axes, scales and the pointer; the lines are drawn by draw.ts. */
export function buildOptions({ axis, log, logX, height, width, style, current, highlighted, moving, onRange, onPointer, onDrawn, onClick }: Build): uPlot.Options {
  const css = (name: string) => style.getPropertyValue(name).trim();
  const colors = Array.from({ length: COLORS }, (_, i) => css(`--rw-s${i}`));
  const layer = new Layer();
  const look: uPlot.Axis = {
    stroke: css("--rw-muted"), font: `11px ${css("--rw-mono-face")}`,
    grid: { stroke: css("--rw-line"), width: 1 }, ticks: { stroke: css("--rw-line"), width: 1, size: 4 },
  };
  return {
    width, height, legend: { show: false }, padding: [8, 10, 0, 0],
    scales: {
      x: { time: axis === "wall", auto: false, distr: logX ? 3 : 1 },
      y: { auto: false, distr: log ? 3 : 1 },
    },
    axes: [
      { ...look, size: 26, values: ticksOf(axis) },
      { ...look, size: 58, values: (_, ticks) => ticks.map((tick) => (tick === null ? "" : formatNumber(tick))) },
    ],
    series: [{}, { paths: () => null, points: { show: false } }],
    cursor: {
      points: { show: false }, drag: { x: true, y: false, setScale: false },
      bind: {
        dblclick: () => () => (onRange(null), null),
        // With Shift the pointer moves the picture instead of choosing a part of it: see pan.ts.
        mousedown: (_, __, handler) => (event) => (event.shiftKey ? null : (handler(event), null)),
      },
    },
    hooks: {
      ready: [(plot) => plot.over.addEventListener("click", (event) => {
        const pointer = event.shiftKey ? null : pointed(plot, current());
        if (pointer) onClick(pointer.x, pointer.nearest);
      })],
      draw: [(plot) => layer.paint(plot, current(), colors, highlighted(), moving()), onDrawn],
      setCursor: [(plot) => onPointer(pointed(plot, current()))],
      setSelect: [(plot) => select(plot, onRange)],
    },
  };
}

/** Puts a range onto the horizontal axis, and onto the vertical one what the lines have there. */
export function show(plot: uPlot, all: Prepared[], [min, max]: Range, log: boolean): void {
  const [low, high] = extentY(all, [min, max], log);
  plot.batch(() => {
    plot.setScale("x", { min, max });
    plot.setScale("y", { min: low, max: high });
  });
}
