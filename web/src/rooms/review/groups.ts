import type { Run } from "@/api/types";

/** The parameters that are not the same in all runs. */
export function differing(runs: Pick<Run, "params">[]): string[] {
  const keys = [...new Set(runs.flatMap((run) => Object.keys(run.params ?? {})))].sort();
  return keys.filter((key) => new Set(runs.map((run) => JSON.stringify(run.params?.[key]))).size > 1);
}

/** Mean and sample standard deviation; nothing where a run has no finite value, or there is only one. */
export function meanAndSpread(values: (number | null | undefined)[]): { mean: number; spread: number } | undefined {
  const known = values.filter((value): value is number => typeof value === "number");
  if (known.length < 2 || known.length < values.length) return undefined;
  const mean = known.reduce((sum, value) => sum + value, 0) / known.length;
  return { mean, spread: Math.sqrt(known.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (known.length - 1)) };
}
