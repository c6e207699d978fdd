import type uPlot from "uplot";
import type { Range } from "./types";

const SETTLED_MS = 250;

/** The range moved by a part of its length, in the axis' own measure. */
export function moved([from, to]: Range, part: number, log: boolean): Range {
  if (log) {
    const factor = (to / from) ** part;
    return [from * factor, to * factor];
  }
  return [from + (to - from) * part, to + (to - from) * part];
}

/** The range made `factor` times as long around a place, given as a part of it. */
export function zoomed([from, to]: Range, factor: number, around: number, log: boolean): Range {
  if (log) {
    const [low, high] = zoomed([Math.log(from), Math.log(to)], factor, around, false);
    return [Math.exp(low), Math.exp(high)];
  }
  const middle = from + (to - from) * around;
  return [middle + (from - middle) * factor, middle + (to - middle) * factor];
}

/** Shift and drag moves, Ctrl and wheel zooms, arrows, + and - do both by keyboard, 0 shows all. Returns what undoes it. */
export function makeMovable(plot: uPlot, box: HTMLElement, logX: boolean, show: (range: Range) => void, onRange: (range: Range | null) => void): () => void {
  let timer = 0;
  let drag: { at: number; range: Range } | null = null;
  const range = (): Range => [plot.scales.x?.min ?? 0, plot.scales.x?.max ?? 1];
  const move = (next: Range) => {
    show(next);
    window.clearTimeout(timer);
    timer = window.setTimeout(() => onRange(next), SETTLED_MS);
  };
  const width = () => plot.over.clientWidth || 1;
  const onDown = (event: PointerEvent) => {
    if (!event.shiftKey || event.button !== 0) return;
    drag = { at: event.clientX, range: range() };
    plot.over.setPointerCapture(event.pointerId);
  };
  const onMove = (event: PointerEvent) => {
    if (drag) move(moved(drag.range, (drag.at - event.clientX) / width(), logX));
  };
  const onUp = () => {
    drag = null;
  };
  const onWheel = (event: WheelEvent) => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    move(zoomed(range(), Math.exp(event.deltaY / 400), event.offsetX / width(), logX));
  };
  const onKey = (event: KeyboardEvent) => {
    const next: Record<string, () => void> = {
      ArrowLeft: () => move(moved(range(), -0.15, logX)),
      ArrowRight: () => move(moved(range(), 0.15, logX)),
      "+": () => move(zoomed(range(), 0.7, 0.5, logX)),
      "-": () => move(zoomed(range(), 1 / 0.7, 0.5, logX)),
      "0": () => onRange(null),
    };
    const action = event.ctrlKey || event.metaKey || event.altKey ? undefined : next[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  };
  plot.over.addEventListener("pointerdown", onDown);
  plot.over.addEventListener("pointermove", onMove);
  plot.over.addEventListener("pointerup", onUp);
  plot.over.addEventListener("wheel", onWheel, { passive: false });
  // The panel around the chart has the focus.
  const focused = box.closest<HTMLElement>("[role='group']") ?? box;
  focused.addEventListener("keydown", onKey);
  return () => {
    window.clearTimeout(timer);
    focused.removeEventListener("keydown", onKey);
  };
}
