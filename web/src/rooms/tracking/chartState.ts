import type { Range } from "@/ui/chart/types";

/** The zoomed steps from the address, `x=10..200`. */
export function rangeOf(url: URLSearchParams): Range | undefined {
  const [from, to] = (url.get("x") ?? "").split("..").map(Number);
  return from !== undefined && to !== undefined && from < to ? [from, to] : undefined;
}
