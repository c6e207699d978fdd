import "uplot/dist/uPlot.min.css";
import { useComputedColorScheme } from "@mantine/core";
import { useEffect, useMemo, useRef } from "react";
import uPlot from "uplot";
import { makeMovable } from "./pan";
import { Marks, placeMarks, stepAt } from "./Marks";
import { buildOptions, show } from "./plot";
import { extentX, prepare } from "./prepare";
import type { ChartProps } from "./types";

/** A line chart on a canvas, for one line or a thousand. Drag zooms, a double click shows everything again. Loaded only where a chart is shown. */
export default function LineChart({ label, lines, axis = "step", log = false, logX = false, weight = 0, height = 220, range, onRange, onPointer, marks, onMark, onPick }: ChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const over = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const scheme = useComputedColorScheme("light");
  const prepared = useMemo(() => prepare(lines, { axis, weight }), [lines, axis, weight]);
  const highlighted = useRef<string | null>(null);
  const moving = useRef(false);
  const latest = useRef({ prepared, onRange, onPointer, marks, onPick });
  const [from, to] = range ?? [];
  // New points go into the chart that is there; it is made anew only when its look changes.
  useEffect(() => {
    latest.current = { prepared, onRange, onPointer, marks, onPick };
  });
  useEffect(() => {
    const node = box.current;
    if (!node) return;
    const made = new uPlot(buildOptions({
      axis, log, logX, height, width: node.clientWidth, style: getComputedStyle(node),
      current: () => latest.current.prepared,
      highlighted: () => highlighted.current,
      moving: () => moving.current,
      onDrawn: (drawn) => placeMarks(drawn, over.current, latest.current.prepared, latest.current.marks ?? [], axis),
      onClick: (clicked, nearest) => {
        const step = stepAt(latest.current.prepared, nearest, clicked);
        if (step !== null) latest.current.onPick?.(step);
      },
      onRange: (next) => latest.current.onRange?.(next),
      onPointer: (pointer) => {
        const next = latest.current.prepared.length > 1 ? (pointer?.nearest ?? null) : null;
        if (next !== highlighted.current) {
          highlighted.current = next;
          made.redraw(false);
        }
        latest.current.onPointer?.(pointer);
      },
    }), [[0, 1], [0, 1]], node);
    plot.current = made;
    const still = makeMovable(made, node, logX, ([min, max]) => {
      // The vertical axis stays while the picture moves, which is calmer, and lets the drawing be reused.
      moving.current = true;
      made.setScale("x", { min, max });
    }, (next) => latest.current.onRange?.(next));
    const observer = new ResizeObserver(() => {
      if (node.clientWidth > 0 && node.clientWidth !== made.width) made.setSize({ width: node.clientWidth, height });
    });
    observer.observe(node);
    return () => {
      observer.disconnect();
      still();
      made.destroy();
      plot.current = null;
    };
  }, [axis, log, logX, height, scheme]);
  useEffect(() => {
    moving.current = false;
    if (plot.current) show(plot.current, prepared, from === undefined || to === undefined ? extentX(prepared, logX) : [from, to], log);
  }, [prepared, axis, log, logX, height, scheme, from, to]);
  useEffect(() => {
    if (plot.current) placeMarks(plot.current, over.current, prepared, marks ?? [], axis);
  }, [prepared, marks, axis]);
  return (
    <div className={onPick ? "plot-box picking" : "plot-box"}>
      <div ref={box} className="plot" role="img" aria-label={label} style={{ minHeight: height }} />
      {marks && marks.length > 0 && <Marks ref={over} marks={marks} onMark={onMark} />}
    </div>
  );
}
