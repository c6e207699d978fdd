export interface AlignedLine {
  before: string | null;
  after: string | null;
  same: boolean;
}

const LONGEST = 1000;

/** Lengths of the longest common subsequences of the ends of two lists. */
function lengths(a: string[], b: string[]): Uint16Array[] {
  const table = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i -= 1) {
    const [row, next] = [table[i] as Uint16Array, table[i + 1] as Uint16Array];
    for (let j = b.length - 1; j >= 0; j -= 1) row[j] = a[i] === b[j] ? (next[j + 1] ?? 0) + 1 : Math.max(next[j] ?? 0, row[j + 1] ?? 0);
  }
  return table;
}

/** Changed lines face each other; where one side has more, the other one is empty. */
function facing(gone: string[], come: string[]): AlignedLine[] {
  return Array.from({ length: Math.max(gone.length, come.length) }, (_, i) => ({ before: gone[i] ?? null, after: come[i] ?? null, same: false }));
}

const linesOf = (text: string): string[] => (text === "" ? [] : text.replace(/\n$/, "").split("\n"));

/** The lines of two texts in pairs. Very long texts are paired as they stand. */
export function alignLines(before: string, after: string): AlignedLine[] {
  const [a, b] = [linesOf(before), linesOf(after)];
  if (a.length > LONGEST || b.length > LONGEST) return facing(a, b);
  const table = lengths(a, b);
  const rows: AlignedLine[] = [];
  let [gone, come]: [string[], string[]] = [[], []];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      rows.push(...facing(gone, come), { before: a[i] ?? null, after: b[j] ?? null, same: true });
      [gone, come] = [[], []];
      i += 1;
      j += 1;
    } else if (j >= b.length || (i < a.length && (table[i + 1]?.[j] ?? 0) >= (table[i]?.[j + 1] ?? 0))) gone.push(a[i++] as string);
    else come.push(b[j++] as string);
  }
  return [...rows, ...facing(gone, come)];
}
