import { COLORS, type Look } from "@/ui/chart/colors";
import type { Line } from "@/ui/chart/types";
import { formatNumber } from "@/ui/format";
import type { Axis } from "./scales";

/** Runs of one colour: those with one value, or with values that lie together. */
export interface Shade {
  color: number;
  label: string;
  runs: number;
}

/** What the colours of a picture mean. */
export interface Coloring {
  label: string;
  shades: Shade[];
  /** By run the colour, and the value that it stands for. */
  of: Map<string, { color: number; said: string }>;
}

const NONE = "no value";
const nameOf = (value: unknown): string =>
  value === null || value === undefined ? NONE : typeof value === "string" ? value : typeof value === "number" ? formatNumber(value) : JSON.stringify(value);

function byNumber(a: unknown, b: unknown): number {
  return typeof a === "number" && typeof b === "number" ? a - b : nameOf(a).localeCompare(nameOf(b), "en", { numeric: true });
}

/** Values in as many parts as there are colours left: numbers in equal parts of their order, of names all but the most frequent in one. */
function partsOf(values: unknown[], most: number, numeric: boolean): unknown[][] {
  const distinct = [...new Map(values.map((value) => [nameOf(value), value])).values()].sort(byNumber);
  if (distinct.length <= most) return distinct.map((value) => [value]);
  if (numeric) {
    return Array.from({ length: most }, (_, i) => distinct.slice(Math.ceil((i * distinct.length) / most), Math.ceil(((i + 1) * distinct.length) / most)));
  }
  const count = (value: unknown) => values.filter((other) => nameOf(other) === nameOf(value)).length;
  const frequent = new Set([...distinct].sort((a, b) => count(b) - count(a)).slice(0, most - 1));
  return [...distinct.filter((value) => frequent.has(value)).map((value) => [value]), distinct.filter((value) => !frequent.has(value))];
}

/** Colours by the values of an axis; runs without a value have one of their own. */
export function coloringOf(axis: Axis, ids: string[]): Coloring {
  const found = ids.map((id, i) => ({ id, value: axis.values[i] }));
  const given = found.filter(({ value }) => value !== null && value !== undefined);
  const some = given.length < found.length;
  const parts = [...partsOf(given.map(({ value }) => value), some ? COLORS - 1 : COLORS, axis.names === null), ...(some ? [[null]] : [])];
  const colorOf = new Map(parts.flatMap((part, color) => part.map((value) => [nameOf(value), color] as const)));
  const of = new Map(found.map(({ id, value }) => [id, { color: colorOf.get(nameOf(value)) ?? 0, said: nameOf(value) }]));
  const shades = parts.map((part, i): Shade => {
    const names = new Set(part.map(nameOf));
    const [first, last] = [nameOf(part[0]), nameOf(part.at(-1))];
    const label = part.length === 1 ? first : axis.names === null ? `${first} – ${last}` : `${part.length} others`;
    return { color: i, label, runs: found.filter(({ value }) => names.has(nameOf(value))).length };
  });
  return { label: axis.label, shades, of };
}

/** How a run is drawn among coloured ones. */
export function lookIn(coloring: Coloring | null, id: string): Look | undefined {
  const shade = coloring?.of.get(id);
  return shade && { color: shade.color, dash: 0 };
}

/** Lines in the colours of what they stand for; what that is stands behind their names. */
export function colored(lines: Line[], coloring: Coloring | null): Line[] {
  if (coloring === null) return lines;
  return lines.map((line) => {
    const look = coloring.of.get(line.id);
    return look ? { ...line, ...lookIn(coloring, line.id), label: `${line.label} · ${look.said}` } : line;
  });
}
