import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { type Curves, curvesQuery } from "@/api/curves";
import type { Run } from "@/api/types";
import { looksOf } from "@/ui/chart/colors";
import type { Line } from "@/ui/chart/types";

type Named = Pick<Run, "id" | "name">;

/** The lines of one metric over several runs. */
export function linesOf(key: string, runs: Named[], curves: Curves | undefined): Line[] {
  const looks = looksOf(runs.map((run) => run.id));
  return runs.flatMap((run) => {
    const curve = curves?.get(run.id)?.get(key);
    if (!curve) return [];
    const { steps, times, values } = curve;
    return [{ id: run.id, label: run.name || run.id, ...(looks.get(run.id) ?? { color: 0, dash: 0 }), steps, times, values }];
  });
}

/** Lines for each of some metrics: few requests however many the runs are, at most two points a pixel column. */
export function useLines(runs: Named[], keys: string[], width: number): { key: string; lines: Line[] }[] {
  const curves = useQuery({ ...curvesQuery(runs.map((run) => run.id), keys, width), placeholderData: keepPreviousData }).data;
  const names = runs.map((run) => `${run.id} ${run.name}`).join("\n");
  const wanted = keys.join("\n");
  return useMemo(
    () => keys.map((key) => ({ key, lines: linesOf(key, runs, curves) })),
    // eslint-disable-next-line react-hooks/exhaustive-deps -- runs and keys are compared by content, so that charts are not redrawn for nothing
    [names, wanted, curves],
  );
}
