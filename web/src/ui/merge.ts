import { diff3Merge } from "node-diff3";

/** A proposal out of two changes; `conflicts` names what both changed differently. */
export interface Merged<T> {
  draft: T;
  conflicts: string[];
}

const lines = (text: string): string[] => text.split("\n");

/** Two changes of a text, brought together line by line; where both changed the same lines, both stand there between marks. */
export function mergeText(base: string, mine: string, theirs: string, by = "theirs"): { text: string; conflicts: number } {
  let conflicts = 0;
  const regions = diff3Merge(lines(mine), lines(base), lines(theirs), { excludeFalseConflicts: true });
  const parts = regions.flatMap(({ ok, conflict }) => {
    if (!conflict) return ok ?? [];
    conflicts += 1;
    return ["<<<<<<< yours", ...conflict.a, "=======", ...conflict.b, `>>>>>>> ${by}`];
  });
  return { text: parts.join("\n"), conflicts };
}

/** Whether a conflict in a text was not settled yet. */
export const hasMarks = (text: string): boolean => /^(<{7}|>{7}) /m.test(text);

/** One value that both may have changed: mine, unless only they changed it. */
export function mergeValue<T>(base: T, mine: T, theirs: T): { value: T; both: boolean } {
  const [was, ours, others] = [base, mine, theirs].map((value) => JSON.stringify(value));
  return { value: was === ours ? theirs : mine, both: was !== ours && was !== others && ours !== others };
}

/** Items in an order, such as the blocks of a report. Where both changed the same ones, mine stand before theirs. */
export function mergeList<T>(base: T[], mine: T[], theirs: T[]): { list: T[]; conflicts: number } {
  const [was, ours, others] = [base, mine, theirs].map((list) => list.map((item) => JSON.stringify(item)));
  const regions = diff3Merge(ours ?? [], was ?? [], others ?? [], { excludeFalseConflicts: true });
  const parts = regions.flatMap(({ ok, conflict }) => (conflict ? [...conflict.a, ...conflict.b] : (ok ?? [])));
  return { list: parts.map((text) => JSON.parse(text) as T), conflicts: regions.filter(({ conflict }) => conflict).length };
}
