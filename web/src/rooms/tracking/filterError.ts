import type { ApiError } from "@/api/client";

const number = (value: unknown): number | null => (typeof value === "number" ? value : null);

/** What the refusal offers in place of the wrong word: `details.choices`, or else the words of its hint. */
function offersOf(error: ApiError): string[] {
  if (Array.isArray(error.details.choices)) return error.details.choices.map(String);
  const listed = /^(?:there are|did you mean|fields|one of):? (.+?)\??$/.exec(error.hint);
  return listed?.[1]?.split(/,\s*/) ?? [];
}

export interface Pointer {
  problem: string;
  start: number;
  end: number;
  offers: string[];
}

/** Where a refused condition is wrong, and what could stand there. */
export function pointerOf(text: string, error: ApiError): Pointer {
  const start = Math.min(number(error.details.at) ?? text.length, text.length);
  const end = Math.min(start + Math.max(1, number(error.details.length) ?? 1), text.length);
  return { problem: error.message.split("\n")[0] ?? "", start, end, offers: offersOf(error).slice(0, 8) };
}
