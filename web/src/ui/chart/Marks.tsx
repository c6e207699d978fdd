import type { Ref } from "react";
import type uPlot from "uplot";
import { at, type Prepared } from "./prepare";
import type { ChartMark, XAxis } from "./types";

/** The position of a line's last point at or before a step. */
const positionAt = ({ line, sorted }: Prepared, step: number): number => at({ line, x: line.steps, y: line.values, raw: null, sorted }, step);

/** The step of the point at a place on the axis. */
export function stepAt(all: Prepared[], nearest: string | null, x: number): number | null {
  const found = all.find(({ line }) => line.id === nearest) ?? all[0];
  return found?.line.steps[at(found, x)] ?? null;
}

/** Moves the markers to where their points are now; those out of sight are hidden. */
export function placeMarks(plot: uPlot, box: HTMLElement | null, all: Prepared[], marks: ChartMark[], axis: XAxis): void {
  const first = all[0];
  if (!box || !first) return;
  const { offsetLeft: left, offsetTop: top, clientWidth: width, clientHeight: height } = plot.over;
  marks.forEach((mark, i) => {
    const node = box.children[i];
    if (!(node instanceof HTMLElement)) return;
    const position = positionAt(first, mark.step);
    const x = plot.valToPos(axis === "step" ? mark.step : (first.x[position] ?? NaN), "x");
    const y = plot.valToPos(first.y[position] ?? NaN, "y");
    const inside = x >= 0 && x <= width;
    node.style.visibility = inside ? "visible" : "hidden";
    if (inside) node.style.transform = `translate(${left + x}px, ${top + (Number.isFinite(y) ? Math.max(0, Math.min(height, y)) : height)}px)`;
    node.classList.toggle("leftwards", x > width / 2);
  });
}

/** What was said about points of a chart: markers that tell on hover and focus, and open the thread. */
export function Marks({ marks, onMark, ref }: { marks: ChartMark[]; onMark?: (id: string) => void; ref: Ref<HTMLDivElement> }) {
  return (
    <div ref={ref} className="marks">
      {marks.map((mark) => (
        <button key={mark.id} type="button" className="mark" aria-label={`Comment at step ${mark.step}. ${mark.text}`} onClick={() => onMark?.(mark.id)}>
          <span className="mark-dot" aria-hidden="true">{mark.count > 1 ? mark.count : ""}</span>
          <span className="mark-text" aria-hidden="true">{mark.text}</span>
        </button>
      ))}
    </div>
  );
}
