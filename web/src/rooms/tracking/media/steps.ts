import type { MediaFile, RunMedia } from "@/api/media";

/** The media of one key over several runs. */
export interface KeyMedia {
  key: string;
  steps: number[];
  /** Run id -> its files of this key, by step. */
  runs: Map<string, MediaFile[]>;
}

/** Media by key, in order of name. */
export function byKey(found: RunMedia[]): KeyMedia[] {
  const keys = new Map<string, KeyMedia>();
  for (const { run_id: id, media } of found) {
    for (const file of media) {
      const entry = keys.get(file.key) ?? { key: file.key, steps: [], runs: new Map<string, MediaFile[]>() };
      keys.set(file.key, entry);
      entry.runs.set(id, [...(entry.runs.get(id) ?? []), file]);
      if (!entry.steps.includes(file.step)) entry.steps.push(file.step);
    }
  }
  for (const entry of keys.values()) entry.steps.sort((a, b) => a - b);
  return [...keys.values()].sort((a, b) => a.key.localeCompare(b.key));
}

/** The step that is shown where `wanted` is asked for: that one or the last before it; the last of all without a wish. */
export function stepFor(steps: number[], wanted: number | null): number {
  if (wanted === null) return steps.at(-1) ?? 0;
  return steps.findLast((step) => step <= wanted) ?? steps[0] ?? 0;
}
