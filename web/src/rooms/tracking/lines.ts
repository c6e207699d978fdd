import { useQueries } from "@tanstack/react-query";
import { useMemo } from "react";
import { seriesQuery } from "@/api/queries";
import type { Run, RunSeries } from "@/api/types";
import { looksOf } from "@/ui/chart/colors";
import type { Line } from "@/ui/chart/types";

/** The lines of one metric over several runs. */
export function linesOf(key: string, runs: Pick<Run, "id" | "name">[], answers: (RunSeries | undefined)[]): Line[] {
  const looks = looksOf(runs.map((run) => run.id));
  return runs.flatMap((run, i) => {
    const series = answers[i]?.series.find((one) => one.key === key);
    if (!series || series.steps.length === 0) return [];
    return [{ id: run.id, label: run.name || run.id, ...(looks.get(run.id) ?? { color: 0, dash: 0 }), steps: series.steps, values: series.values, special: series.special as Record<string, string> }];
  });
}

type Answer = { data: RunSeries | undefined };
const dataOf = (results: Answer[]): (RunSeries | undefined)[] => results.map((result) => result.data);

/** Lines for each of some metrics, one request a run, at most one point a pixel column. */
export function useLines(runs: Pick<Run, "id" | "name">[], keys: string[], width: number): { key: string; lines: Line[] }[] {
  const answers = useQueries({
    queries: runs.map((run) => ({ ...seriesQuery(run.id, keys, width), enabled: keys.length > 0 })),
    combine: dataOf,
  });
  const names = runs.map((run) => `${run.id} ${run.name}`).join("\n");
  const wanted = keys.join("\n");
  return useMemo(
    () => keys.map((key) => ({ key, lines: linesOf(key, runs, answers) })),
    // eslint-disable-next-line react-hooks/exhaustive-deps -- runs and keys are compared by content, so that charts are not redrawn for nothing
    [names, wanted, answers],
  );
}
