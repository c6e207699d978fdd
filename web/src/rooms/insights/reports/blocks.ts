import type { ReportBlock } from "@/api/types";
import { hasMarks, mergeList, mergeText, mergeValue } from "@/ui/merge";

export type Kind = ReportBlock["kind"];

/** The kinds of blocks with their names and what they show. */
export const KINDS: [Kind, string, string][] = [
  ["text", "Text", "Markdown"],
  ["runs", "Runs", "a table of runs with chosen columns"],
  ["curves", "Curves", "metrics over the steps"],
  ["groups", "Groups", "means with 95 % intervals and a test"],
  ["params", "Params", "the parameters that differ"],
  ["media", "Media", "pictures, sounds, texts, tables"],
];

/** A new block. */
export const blank = (kind: Kind, more: Partial<ReportBlock> = {}): ReportBlock => ({
  kind, title: "", text: "", where: "", sort: "", run_ids: [], limit: 20, keys: [], by: [], step: null, axis: "step", log: false, smooth: 0, ...more,
});

export interface Draft {
  title: string;
  blocks: ReportBlock[];
}

/** What a new report begins with: for chosen runs or a condition a table and curves, else an empty text. */
export function begun(runs: string[], where: string, metrics: string[]): Draft {
  if (runs.length === 0 && !where) return { title: "", blocks: [blank("text")] };
  const source = runs.length ? { run_ids: runs } : { where };
  const curves = metrics.length ? [blank("curves", { ...source, title: "Curves", keys: metrics })] : [];
  return { title: "", blocks: [blank("text"), blank("runs", { ...source, title: "Runs", keys: metrics.map((key) => `metrics.${key}`) }), ...curves] };
}

/** The list with the item at one place moved to another. */
export function moved<T>(list: T[], from: number, to: number): T[] {
  const next = [...list];
  const [item] = next.splice(from, 1);
  if (item !== undefined) next.splice(to, 0, item);
  return next;
}

/** The blocks of two who changed a report. Where both changed the same ones the texts are merged, if nothing else differs; else both stay. */
export function mergeBlocks(base: ReportBlock[], mine: ReportBlock[], theirs: ReportBlock[]): { list: ReportBlock[]; conflicts: number } {
  const one = (i: number): ReportBlock | null => {
    const [was, ours, others] = [base[i], mine[i], theirs[i]];
    if (!was || !ours || !others) return null;
    const rest = mergeValue({ ...was, text: "" }, { ...ours, text: "" }, { ...others, text: "" });
    return rest.both ? null : { ...rest.value, text: mergeText(was.text, ours.text, others.text).text };
  };
  const alike = base.length === mine.length && base.length === theirs.length ? base.map((_, i) => one(i)) : [null];
  if (alike.includes(null)) return mergeList(base, mine, theirs);
  const list = alike.filter((block) => block !== null);
  return { list, conflicts: list.filter(({ text }) => hasMarks(text)).length };
}
