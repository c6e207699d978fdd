import type { KnownKeys } from "@/api/types";
import { fieldOf } from "./fields";

const FIELDS = ["name", "status", "experiment", "created_by", "created_at", "started_at", "ended_at", "duration_s", "peak_memory_bytes", "cpu_s", "peak_gpu_memory_bytes", "gpu_percent", "seed", "branch", "commit", "purpose", "project", "id"];
const OPERATORS = ["=", "!=", "<", "<=", ">", ">=", "in (", "like", "is null", "is not null"];
const STATES = ["running", "finished", "failed", "cancelled", "timed_out"].map((state) => `"${state}"`);
const MARKS = ["marks.review", "marks.verification", "marks.team_result", "marks.gates"];
const SHOWN = 12;
const TOKEN = /"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|-\d+(?:\.\d+)?[smhdw]\b|[+-]?\d[\w.+-]*|[A-Za-z_](?:[\w\-/.]|`[^`]*`?)*|<=|>=|!=|==|[=<>(),-]/g;

export interface Completion {
  /** What is replaced: the word at the caret, or nothing. */
  start: number;
  end: number;
  options: string[];
}

/** Whether a token can stand where a condition begins, so that a field follows it. */
const opens = (token: string | undefined): boolean => token === undefined || /^(and|or|not|by|\(|,|-)$/i.test(token);
const compares = (token: string | undefined): boolean => token !== undefined && /^(<=|>=|!=|==|[=<>]|like|in)$/i.test(token);
const names = (token: string): boolean => /^(metrics|params|tags|metadata|marks)\../.test(token) || FIELDS.includes(token);

function candidates(before: string[], keys: KnownKeys): string[] {
  const [last, previous] = [before.at(-1), before.at(-2)];
  if (opens(last)) {
    const keyed = (["metrics", "params", "tags"] as const).flatMap((space) => keys[space].map((key) => fieldOf(`${space}.${key}`)));
    return [...keyed, ...FIELDS, ...MARKS, ...(last === undefined ? ["not"] : [])];
  }
  if (compares(last)) return previous === "status" ? STATES : [];
  if (last && names(last) && !compares(previous)) return OPERATORS;
  return ["and", "or", "order by"];
}

/** What can stand at the caret, the best fitting first: existing keys, operators, words that join. */
export function completionOf(text: string, caret: number, keys: KnownKeys): Completion {
  const tokens = [...text.slice(0, caret).matchAll(TOKEN)];
  const last = tokens.at(-1);
  const touches = last !== undefined && last.index + last[0].length === caret && /^[A-Za-z_"']/.test(last[0]);
  const word = touches ? last[0].toLowerCase() : "";
  const start = touches ? last.index : caret;
  const before = (touches ? tokens.slice(0, -1) : tokens).map((token) => token[0]);
  const rank = (option: string) => {
    const lower = option.toLowerCase();
    const key = lower.slice(lower.indexOf(".") + 1);
    return lower.startsWith(word) ? 0 : key.startsWith(word) ? 1 : lower.includes(word) ? 2 : 9;
  };
  const fitting = candidates(before, keys).map((option) => [rank(option), option] as const).filter(([n, option]) => n < 9 && option.toLowerCase() !== word);
  return { start, end: caret, options: fitting.sort((a, b) => a[0] - b[0]).slice(0, SHOWN).map(([, option]) => option) };
}
