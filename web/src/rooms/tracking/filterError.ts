import type { ApiError } from "@/api/client";

const list = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : []);
const number = (value: unknown): number | null => (typeof value === "number" ? value : null);

/** Where a refused condition is wrong (`details.position` and `details.token`) and what could stand there. */
export function pointerOf(text: string, error: ApiError): { start: number; end: number; offers: string[] } {
  const { details } = error;
  const token = String(details.token ?? "");
  const named = token ? text.indexOf(token) : -1;
  const start = number(details.position) ?? number(details.start) ?? (named >= 0 ? named : text.length);
  const end = number(details.end) ?? start + (token.length || 1);
  const offers = [details.keys, details.suggestions, details.known, details.choices].map(list).find((some) => some.length) ?? [];
  return { start: Math.min(start, text.length), end: Math.min(end, text.length), offers: offers.slice(0, 8) };
}
