import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { api } from "@/api/client";
import type { DifferenceRows, Differences } from "@/api/types";

type Row = DifferenceRows["rows"][number];

/** The kinds of keys, in the order of the page. */
export const KINDS = [["metrics", "Metrics"], ["params", "Parameters"], ["tags", "Tags"], ["environment", "Environment"]] as const;

interface Asked {
  search?: string;
  same?: boolean;
  limit?: number;
  only?: string;
}

/** Runs side by side: the keys that differ, or exactly some. The server counts; only what is shown is sent. */
export const useDifferences = (ids: string[], asked: Asked, enabled = true) =>
  useQuery({
    queryKey: ["differences", ids, asked],
    queryFn: ({ signal }) => api.get("/api/v1/differences", { query: { run_ids: ids, ...asked }, signal }),
    enabled: enabled && ids.length > 0,
    placeholderData: keepPreviousData,
  });

export type GridItem = { kind: "head"; title: string; rows: DifferenceRows } | { kind: "row"; row: Row; numeric: boolean } | { kind: "rest"; hidden: number };

/** The lines of the table: each kind's heading with its counts, its keys, and how many are not shown. */
export function itemsOf(found: Differences, same: boolean): GridItem[] {
  return KINDS.flatMap(([kind, title]): GridItem[] => {
    const rows = found[kind];
    const hidden = (same ? rows.total : rows.differing) - rows.rows.length;
    const numeric = kind === "metrics";
    const shown = rows.rows.map((row): GridItem => ({ kind: "row", row, numeric }));
    return [{ kind: "head", title, rows }, ...shown, ...(hidden > 0 ? [{ kind: "rest", hidden } as const] : [])];
  });
}

/** The metrics with most points first: what was logged all along says more than what was noted now and then. */
export const mostLogged = (found: Differences): Row[] => [...found.metrics.rows].sort((a, b) => b.points - a.points);

/** The keys of metrics that have curves, the longest first. */
export const curveKeys = (found: Differences): string[] => mostLogged(found).filter((row) => row.points > 1).map((row) => row.key);
