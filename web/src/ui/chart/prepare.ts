import { smooth } from "./smooth";
import type { ChartProps, Line, Range, XAxis } from "./types";

/** A line as it is drawn: its places on both axes, and the raw values behind a smoothed one. */
export interface Prepared {
  line: Line;
  x: Float64Array;
  y: Float64Array;
  raw: Float64Array | null;
  /** Whether x never falls, so that the visible part can be looked up. */
  sorted: boolean;
}

function placesOf(line: Line, axis: XAxis): Float64Array {
  if (axis === "step") return line.steps;
  const start = axis === "wall" ? 0 : line.times.reduce((least, time) => Math.min(least, time), Infinity);
  return start === 0 ? line.times : line.times.map((time) => time - start);
}

const isSorted = (x: Float64Array): boolean => x.every((place, i) => i === 0 || place >= (x[i - 1] ?? place));

/** Lines ready to be drawn. */
export const prepare = (lines: Line[], { axis = "step", weight = 0 }: Pick<ChartProps, "axis" | "weight">): Prepared[] =>
  lines.map((line) => {
    const x = placesOf(line, axis);
    return { line, x, y: smooth(line.values, weight), raw: weight > 0 ? line.values : null, sorted: axis === "step" || isSorted(x) };
  });

/** The first position whose place is at least `place`. */
export function positionOf(x: Float64Array, place: number): number {
  let [low, high] = [0, x.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((x[middle] ?? 0) < place) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The positions to draw for a range: what lies in it and one point on either side. */
export function visible(prepared: Prepared, [from, to]: Range): [number, number] {
  if (!prepared.sorted) return [0, prepared.x.length];
  return [Math.max(0, positionOf(prepared.x, from) - 1), Math.min(prepared.x.length, positionOf(prepared.x, to) + 1)];
}

/** From the first to the last place of all lines; on a logarithmic axis only what it can show. */
export function extentX(all: Prepared[], log = false): Range {
  let [low, high] = [Infinity, -Infinity];
  for (const { x } of all) {
    for (const place of x) {
      if (log && place <= 0) continue;
      if (place < low) low = place;
      if (place > high) high = place;
    }
  }
  if (low > high) return log ? [1, 10] : [0, 1];
  return low === high ? [low - (log ? low / 2 : 0.5), high + (log ? high : 0.5)] : [low, high];
}

function bounds(all: Prepared[], range: Range, log: boolean): Range {
  let [low, high] = [Infinity, -Infinity];
  for (const prepared of all) {
    const [start, end] = visible(prepared, range);
    for (const values of prepared.raw && all.length <= 12 ? [prepared.y, prepared.raw] : [prepared.y]) {
      for (let i = start; i < end; i += 1) {
        const value = values[i] ?? NaN;
        if (!Number.isFinite(value) || (log && value <= 0)) continue;
        if (value < low) low = value;
        if (value > high) high = value;
      }
    }
  }
  return [low, high];
}

/** The vertical axis for a visible range, with a little air. */
export function extentY(all: Prepared[], range: Range, log = false): Range {
  const [low, high] = bounds(all, range, log);
  if (low > high) return log ? [0.1, 1] : [0, 1];
  if (log) return low === high ? [low / 2, high * 2] : [low / 1.08, high * 1.08];
  const air = (high - low) * 0.06 || Math.abs(high) * 0.1 || 1;
  return [low - air, high + air];
}

/** The position of the last point at or before a place (the last of all without a place); -1 where there is none. */
export function at({ x, sorted }: Prepared, place: number | null): number {
  if (place === null || x.length === 0) return x.length - 1;
  if (sorted) {
    const next = positionOf(x, place);
    return x[next] === place ? next : Math.max(0, next - 1);
  }
  return x.reduce((best, here, i) => (Math.abs(here - place) < Math.abs((x[best] ?? Infinity) - place) ? i : best), 0);
}

/** The line whose value at a place is nearest to a height, measured in pixels by `toY`. */
export function nearest(all: Prepared[], place: number, y: number, toY: (value: number) => number): Prepared | null {
  let [best, distance] = [null as Prepared | null, Infinity];
  for (const prepared of all) {
    const value = prepared.y[at(prepared, place)] ?? NaN;
    const away = Math.abs(toY(value) - y);
    if (away < distance) [best, distance] = [prepared, away];
  }
  return best;
}
