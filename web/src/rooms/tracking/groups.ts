import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { api } from "@/api/client";
import type { GroupMetric, RunGroup, RunGroups } from "@/api/types";
import { pythonString, shellQuote } from "@/ui/CopyAs";
import { formatNumber, formatValue } from "@/ui/format";
import type { View } from "./request";

export interface Grouping extends View {
  by: string[];
  metrics: string[];
  against: string;
}

/** The order that groups can have, for a run list's order. */
export function groupSort({ sort, by, metrics }: Pick<Grouping, "sort" | "by" | "metrics">): string {
  const field = sort.replace(/^-/, "");
  return field === "n" || by.includes(field) || metrics.includes(field) ? sort : "";
}

/** Groups of runs with their statistics, computed by the server over all runs and not over the loaded ones. */
export const useGroups = (grouping: Grouping) => {
  const { project, where, by, against } = grouping;
  return useQuery({
    queryKey: ["runs", "groups", grouping],
    queryFn: ({ signal }) => api.get("/api/v1/run-groups", {
      query: { by, project, where, metrics: grouping.metrics.join(","), sort: groupSort(grouping), against: against === "baseline" ? "baseline" : "best" },
      signal,
    }),
    enabled: by.length > 0,
    placeholderData: keepPreviousData,
  });
};

/** The values of a group in words. */
export function valueOf(value: unknown): string {
  if (value === null || value === undefined) return "none";
  if (typeof value !== "object" || Array.isArray(value)) return formatValue(value);
  const parts = Object.entries(value).map(([key, one]) => `${key} ${one === null ? "none" : formatValue(one)}`);
  return parts.join(" · ") || "all the same";
}

/** A mean with half of its interval's length, both to the place that the interval leaves any sense; a single run has none. */
export function plusMinus({ mean, high }: Pick<GroupMetric, "mean" | "high">): string {
  if (mean === null) return "–";
  const half = high === null ? 0 : high - mean;
  if (half === 0) return high === null ? formatNumber(mean) : `${formatNumber(mean)} ± 0`;
  const places = 1 - Math.floor(Math.log10(half));
  if (places > 8 || Math.abs(mean) >= 1e7) return `${mean.toExponential(3)} ± ${half.toExponential(1)}`;
  return [mean, half].map((value) => value.toLocaleString("en-US", { minimumFractionDigits: Math.max(0, places), maximumFractionDigits: Math.max(0, places) })).join(" ± ");
}

const FAR = 4;

/**
 * From the least to the greatest of what a metric's column shows.
 *
 * Two runs have an interval many times as wide as ten have. What reaches farther than four times the usual half is cut at
 * the column's edge: drawn whole it would make dots of all others.
 */
export function domainOf(groups: RunGroup[], key: string): [number, number] {
  const shown = groups.flatMap((group) => group.metrics.flatMap(({ key: of, mean, low, high }) => (of === key && mean !== null ? [{ mean, low: low ?? mean, high: high ?? mean }] : [])));
  const halves = shown.map(({ low, high }) => (high - low) / 2).filter((half) => half > 0).sort((a, b) => a - b);
  const most = FAR * (halves[(halves.length - 1) >> 1] ?? 0);
  const [low, high] = [Math.min(...shown.map((one) => Math.max(one.low, one.mean - most))), Math.max(...shown.map((one) => Math.min(one.high, one.mean + most)))];
  return low < high ? [low, high] : [low - 1, low + 1];
}

/** How a group stands to the reference, in a few words. */
export function verdictOf(found: RunGroups, group: RunGroup, key: string): string {
  if (group.is_reference) return found.reference === "baseline" ? "the baseline" : "best";
  const test = group.metrics.find((metric) => metric.key === key)?.test;
  if (!test) return "–";
  if (test.verdict === "not distinguishable" || test.p === null) return test.verdict;
  return `${test.verdict}, p ${test.p < 0.001 ? "< 0.001" : `= ${formatNumber(Number(test.p.toPrecision(2)))}`}`;
}

/** The groups as a command and as Python. */
export function groupRecipe({ project, where, by, metrics, against, sort }: Grouping): { cli: string; python: string } {
  const order = groupSort({ sort, by, metrics });
  const flags = [...by.map((one) => `--by ${shellQuote(one)}`), `--project ${shellQuote(project)}`, where && `--where ${shellQuote(where)}`, metrics.length > 0 && `--metrics ${shellQuote(metrics.join(","))}`, order && `--sort=${shellQuote(order)}`, against === "baseline" && "--against baseline"];
  const args = [`[${by.map(pythonString).join(", ")}]`, `project=${pythonString(project)}`, where && `where=${pythonString(where)}`, metrics.length > 0 && `metrics=${pythonString(metrics.join(","))}`, order && `sort=${pythonString(order)}`, against === "baseline" && `against="baseline"`];
  return { cli: ["runward runs groups", ...flags.filter(Boolean)].join(" "), python: `found = workspace.analysis.group_runs(${args.filter(Boolean).join(", ")})\n` };
}
