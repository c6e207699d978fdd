import "uplot/dist/uPlot.min.css";
import { useComputedColorScheme } from "@mantine/core";
import { useEffect, useRef } from "react";
import uPlot from "uplot";
import { buildPlot } from "./plot";
import type { ChartProps } from "./types";

/** A line chart on a canvas. Drag zooms, a double click shows everything again. Loaded only where a chart is shown. */
export default function LineChart({ lines, log = false, weight = 0, height = 220, range, onRange, onCursor }: ChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const scheme = useComputedColorScheme("light");
  const calls = useRef({ onRange, onCursor });
  useEffect(() => {
    calls.current = { onRange, onCursor };
  });
  const [from, to] = range ?? [];
  useEffect(() => {
    const node = box.current;
    if (!node) return;
    const { options, data } = buildPlot({
      lines, log, weight, height, width: node.clientWidth, range: from === undefined || to === undefined ? undefined : [from, to],
      style: getComputedStyle(node),
      onRange: (next) => calls.current.onRange?.(next),
      onCursor: (step) => calls.current.onCursor?.(step),
    });
    const plot = new uPlot(options, data, node);
    const observer = new ResizeObserver(() => {
      if (node.clientWidth > 0) plot.setSize({ width: node.clientWidth, height });
    });
    observer.observe(node);
    return () => {
      observer.disconnect();
      plot.destroy();
    };
  }, [lines, log, weight, height, scheme, from, to]);
  return <div ref={box} className="plot" style={{ minHeight: height }} />;
}
