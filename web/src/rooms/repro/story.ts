import type { ExplanationDetail } from "@/api/types";

type Report = ExplanationDetail["report"];
type Rerun = NonNullable<Report["reruns"]>[number];

export const titleOf = ({ kind, name }: { kind: string; name: string }): string => `${kind} ${name}`;

const FIXED = "fixed: ";

/** The answer in one sentence. */
export function sentenceOf({ explanation: line, report }: ExplanationDetail): string {
  const [first, second] = [line.first_name, line.second_name];
  if (report.answer === "undecided") return report.first === report.second ? `Why ${first} does not repeat could not be shown.` : `Why ${second} differs from ${first} could not be shown.`;
  if (report.answer === "nothing_differs") return `${first} repeats: run again, it gives the recorded result.`;
  if (report.source) return `${first} depends on ${report.source}: once that is fixed, it repeats.`;
  const causes = report.cause ?? [];
  const what = causes.length === 1 ? titleOf(causes[0] as { kind: string; name: string }) : `${causes.length} differences together`;
  if (report.first === report.second) return `${first} gives its recorded result again once ${what} ${causes.length === 1 ? "is as it was" : "are as they were"} then.`;
  return `${second} gives the result of ${first} again once ${what} ${causes.length === 1 ? "is" : "are"} put back.`;
}

/** What the two sides of a difference are called: two runs, or one then and now. */
export function headsOf({ explanation: line }: ExplanationDetail): [string, string] {
  return line.first_id === line.second_id ? ["When it was recorded", "Now"] : [line.first_name, line.second_name];
}

/** What a rerun had put back or fixed, in words. */
export function putBackOf({ put_back }: Rerun): string[] {
  return put_back.map((title) => (title.startsWith(FIXED) ? title.slice(FIXED.length) : title));
}

/** Whether a rerun is the one that shows the answer: exactly the cause was put back (and what the first run left taken away), or the source fixed. */
export function isProof(rerun: Rerun, report: Report): boolean {
  if (report.answer === "undecided") return false;
  const wanted = report.source ? null : [...(report.cause ?? []).map(titleOf), ...(report.set_aside ?? [])].toSorted();
  if (wanted) return JSON.stringify(rerun.put_back.toSorted()) === JSON.stringify(wanted);
  const fixed = putBackOf(rerun);
  return fixed.length > 0 && fixed.every((one) => report.source?.includes(one)) && fixed.join(" and ").length === report.source?.length;
}

/** Differences that the first result does not need. */
export function notInvolved(report: Report): NonNullable<Report["differences"]> {
  const cause = new Set([...(report.cause ?? []).map(titleOf), ...(report.set_aside ?? [])]);
  return (report.differences ?? []).filter((one) => !cause.has(titleOf(one)));
}
