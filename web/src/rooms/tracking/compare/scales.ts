/** A value of a run on an axis: numbers by size, everything else by name. */
export interface Axis {
  field: string;
  label: string;
  /** One value a run, in the order of the runs. */
  values: unknown[];
  /** The names in order where the values are no numbers. */
  names: string[] | null;
  low: number;
  high: number;
  log: boolean;
}

const isNumber = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value);
const nameOf = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value));

/** An axis over the values of all runs. A logarithmic one where they are positive and span three orders of magnitude. */
export function axisFor(field: string, values: unknown[], log?: boolean): Axis {
  const label = field.replace(/^(metrics|params|tags)\./, "").replaceAll("`", "");
  const given = values.filter((value) => value !== null && value !== undefined && !(typeof value === "string" && /^-?(NaN|Infinity)$/.test(value)));
  const numbers = given.filter(isNumber);
  if (numbers.length < given.length) {
    const names = [...new Set(given.map(nameOf))].sort();
    return { field, label, values, names, low: 0, high: Math.max(1, names.length - 1), log: false };
  }
  const [least, most] = [Math.min(...numbers), Math.max(...numbers)];
  const [low, high] = numbers.length === 0 ? [0, 1] : least === most ? [least - 0.5, most + 0.5] : [least, most];
  const positive = numbers.length > 0 && least > 0;
  return { field, label, values, names: null, low: least === most && positive ? least / 2 : low, high, log: positive && (log ?? most / least >= 1000) };
}

/** Where a value lies on its axis, from 0 (low) to 1 (high); null where it has no place. */
export function placeOf(axis: Axis, value: unknown): number | null {
  if (axis.names) {
    const at = value === null || value === undefined ? -1 : axis.names.indexOf(nameOf(value));
    return at < 0 ? null : axis.names.length === 1 ? 0.5 : at / (axis.names.length - 1);
  }
  if (!isNumber(value) || (axis.log && value <= 0)) return null;
  const read = axis.log ? Math.log : (number: number) => number;
  return (read(value) - read(axis.low)) / (read(axis.high) - read(axis.low));
}

/** The value at a place of a numeric axis. */
export function valueAt(axis: Axis, place: number): number {
  if (axis.log) return Math.exp(Math.log(axis.low) + place * (Math.log(axis.high) - Math.log(axis.low)));
  return axis.low + place * (axis.high - axis.low);
}

/** Round numbers to write beside an axis, with their places. */
export function ticksOf(axis: Axis, wanted = 5): { place: number; text: string }[] {
  if (axis.names) return axis.names.map((text) => ({ text, place: placeOf(axis, text) ?? 0 }));
  const values: number[] = [];
  if (axis.log) {
    for (let power = Math.ceil(Math.log10(axis.low)); power <= Math.log10(axis.high); power += 1) values.push(10 ** power);
    if (values.length < 2) values.splice(0, values.length, axis.low, axis.high);
  } else {
    const raw = (axis.high - axis.low) / wanted;
    const size = 10 ** Math.floor(Math.log10(raw));
    const step = ([1, 2, 5, 10].find((factor) => factor * size >= raw) ?? 10) * size;
    for (let value = Math.ceil(axis.low / step) * step; value <= axis.high + step * 1e-9; value += step) values.push(Number(value.toPrecision(12)));
  }
  return values.map((value) => ({ place: placeOf(axis, value) ?? 0, text: String(Number(value.toPrecision(4))) }));
}

/** Ranges on axes as the address holds them: `params.lr:0..0.5`, places from 0 to 1. */
export function brushesOf(given: string[]): Map<string, [number, number]> {
  return new Map(given.flatMap((text): [string, [number, number]][] => {
    const cut = text.lastIndexOf(":");
    const [from, to] = text.slice(cut + 1).split("..").map(Number);
    return cut > 0 && from !== undefined && to !== undefined && from < to ? [[text.slice(0, cut), [from, to]]] : [];
  }));
}

/** Whether a run lies inside of every range. */
export function isInside(axes: Axis[], brushes: Map<string, [number, number]>, run: number): boolean {
  return axes.every((axis) => {
    const brush = brushes.get(axis.field);
    if (!brush) return true;
    const place = placeOf(axis, axis.values[run]);
    return place !== null && place >= brush[0] - 1e-6 && place <= brush[1] + 1e-6;
  });
}

function ranks(values: number[]): number[] {
  const order = values.map((_, i) => i).sort((a, b) => (values[a] ?? 0) - (values[b] ?? 0));
  const found = Array<number>(values.length).fill(0);
  for (let start = 0; start < order.length; ) {
    let end = start;
    while (end < order.length && values[order[end] ?? 0] === values[order[start] ?? 0]) end += 1;
    for (let i = start; i < end; i += 1) found[order[i] ?? 0] = (start + end - 1) / 2;
    start = end;
  }
  return found;
}

/** Spearman's rank correlation of pairs; null for fewer than three, or where one side never changes. */
export function spearman(pairs: [number, number][]): number | null {
  if (pairs.length < 3) return null;
  const [a, b] = [ranks(pairs.map(([x]) => x)), ranks(pairs.map(([, y]) => y))];
  const middle = (pairs.length - 1) / 2;
  const sum = (of: (i: number) => number) => pairs.reduce((total, _, i) => total + of(i), 0);
  const together = sum((i) => ((a[i] ?? 0) - middle) * ((b[i] ?? 0) - middle));
  const [one, other] = [sum((i) => ((a[i] ?? 0) - middle) ** 2), sum((i) => ((b[i] ?? 0) - middle) ** 2)];
  return one === 0 || other === 0 ? null : together / Math.sqrt(one * other);
}
