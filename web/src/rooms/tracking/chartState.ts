import type { ChartProps, Range, XAxis } from "@/ui/chart/types";
import { useUrlState } from "@/ui/urlState";

/** The zoomed range from the address, `x=10..200`. */
export function rangeOf(url: URLSearchParams): Range | undefined {
  const [from, to] = (url.get("x") ?? "").split("..").map(Number);
  return from !== undefined && to !== undefined && from < to ? [from, to] : undefined;
}

/** What the horizontal axis counts, from the address. */
export function axisOf(url: URLSearchParams): XAxis {
  const axis = url.get("axis");
  return axis === "relative" || axis === "wall" ? axis : "step";
}

/** How the charts of a page are drawn: axes, smoothing and zoom are part of the address and common to all of them. */
export function useChartState(): Required<Pick<ChartProps, "axis" | "log" | "logX" | "weight" | "onRange">> & Pick<ChartProps, "range"> {
  const [url, setUrl] = useUrlState();
  const axis = axisOf(url);
  return {
    axis,
    log: url.get("log") === "1",
    logX: url.get("logx") === "1" && axis !== "wall",
    weight: Number(url.get("smooth") ?? 0) || 0,
    range: rangeOf(url),
    onRange: (next) => setUrl({ x: next ? next.map((edge) => Number(edge.toPrecision(10))).join("..") : null }),
  };
}
