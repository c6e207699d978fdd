import "uplot/dist/uPlot.min.css";
import { useComputedColorScheme } from "@mantine/core";
import { useEffect, useRef } from "react";
import uPlot from "uplot";
import { buildData, buildOptions, FEW } from "./plot";
import type { ChartProps } from "./types";

/** A line chart on a canvas. Drag zooms, a double click shows everything again. Loaded only where a chart is shown. */
export default function LineChart({ lines, log = false, weight = 0, height = 220, range, onRange, onCursor }: ChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef({ lines, onRange, onCursor });
  const scheme = useComputedColorScheme("light");
  const [from, to] = range ?? [];
  const smoothed = weight > 0;
  // New points go into the chart that is there; it is made anew only when its lines or its look change.
  const shape = JSON.stringify(lines.map((line) => [line.id, line.color, line.dash, line.steps.length <= FEW]));
  useEffect(() => {
    latest.current = { lines, onRange, onCursor };
  });
  useEffect(() => {
    const node = box.current;
    if (!node) return;
    const options = buildOptions({
      log, height, weight: smoothed ? 0.5 : 0, width: node.clientWidth, style: getComputedStyle(node),
      range: from === undefined || to === undefined ? undefined : [from, to],
      current: () => latest.current.lines,
      onRange: (next) => latest.current.onRange?.(next),
      onCursor: (step) => latest.current.onCursor?.(step),
    });
    const made = new uPlot(options, [[]], node);
    plot.current = made;
    const observer = new ResizeObserver(() => {
      if (node.clientWidth > 0) made.setSize({ width: node.clientWidth, height });
    });
    observer.observe(node);
    return () => {
      observer.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [shape, log, smoothed, height, scheme, from, to]);
  useEffect(() => {
    plot.current?.setData(buildData(lines, log, weight));
  }, [lines, log, weight, shape, height, scheme, from, to]);
  return <div ref={box} className="plot" style={{ minHeight: height }} />;
}
