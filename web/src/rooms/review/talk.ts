import type { ReviewDetail } from "@/api/types";
import { anchorsOf, parseDiff } from "@/ui/diffLines";
import type { FileChange } from "@/api/types";
import type { Remark } from "./queries";

export interface Thread {
  first: Remark;
  answers: Remark[];
}

/** Remarks with a place, each with its answers. */
export function threadsOf(remarks: Remark[]): Thread[] {
  return remarks.filter((one) => one.anchor && !one.thread).map((first) => ({ first, answers: remarks.filter((one) => one.thread === first.id) }));
}

/** What was said in the open. */
export const openRemarks = (remarks: Remark[]): Remark[] => remarks.filter((one) => !one.anchor && !one.thread);

/** Where a thread stands in the present text: below its last line, or at its cell; empty where that is gone. */
export function standsAt({ anchor, place, line = 0, excerpt = [] }: Remark): string {
  if (place === "outdated" || !anchor) return "";
  const cell = /^(.+\.ipynb)#\d+$/.exec(anchor);
  if (cell) return `${cell[1]}#${line}`;
  const file = /^(.+?):\d+(?:-\d+)?$/.exec(anchor);
  if (file && line) return `${file[1]}:${line + Math.max(excerpt.length, 1) - 1}`;
  return anchor.replace(/@\d+$/, "");
}

/** All places of the files shown. */
export const placesIn = (files: FileChange[]): Set<string> => new Set(files.flatMap((file) => anchorsOf(file.path, parseDiff(file.diff))).filter(Boolean));

/** Lines of committed code that checks or threads are about, by file: what no diff shows. */
export function pointedAt(detail: Pick<ReviewDetail, "checks">, threads: Thread[], shown: Set<string>): Map<string, number[]> {
  const said = threads.map(({ first }) => /^(.+):(\d+)$/.exec(standsAt(first))).filter((found) => found !== null);
  const seen = detail.checks.filter((check) => check.verdict !== "pass").flatMap((check) => check.evidence.filter((item) => item.file && item.line).map((item) => [item.file, item.line] as const));
  const pointed = new Map<string, number[]>();
  for (const [file, line] of [...said.map((found) => [found[1] ?? "", Number(found[2])] as const), ...seen]) {
    // Code that only a further run had is shown as its difference from the first run's.
    if (!file || !line || shown.has(`${file}:${line}`) || file.endsWith(")")) continue;
    pointed.set(file, [...(pointed.get(file) ?? []), line]);
  }
  return pointed;
}

/** What changed since the reader looked: parts of the subject, and remarks of others. */
export function newsOf({ seen, review, revisions = [], comments }: Pick<ReviewDetail, "seen" | "review" | "revisions" | "comments">, me: string) {
  const remarks = comments.filter((one) => one.id > (seen?.remark ?? 0) && one.author !== me);
  if (!seen || seen.digest === review.revision) return { parts: [], metrics: [], remarks, run: "" };
  const since = revisions.slice(0, Math.max(revisions.findIndex((one) => one.digest === seen.digest), 0));
  const then = revisions.find((one) => one.digest === seen.digest)?.metrics ?? {};
  const now = revisions[0]?.metrics ?? {};
  const metrics = Object.keys({ ...then, ...now }).filter((key) => then[key] !== now[key]).map((key) => ({ key, then: then[key] ?? null, now: now[key] ?? null }));
  return { parts: [...new Set(since.flatMap((one) => one.changed))].sort(), metrics, remarks, run: seen.run_id === review.run_id ? "" : seen.run_id };
}

/** A block that suggests what should stand there instead. */
export const suggestionFor = (text: string): string => `\n\n\`\`\`suggestion\n${text}\n\`\`\`\n`;
