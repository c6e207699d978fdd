export interface DiffLine {
  kind: "hunk" | "add" | "del" | "same";
  sign: string;
  text: string;
  before?: number;
  after?: number;
}

const HUNK = /^@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@/;

/** The lines of a unified diff with their numbers on both sides; the file headers are left out. */
export function parseDiff(diff: string): DiffLine[] {
  const lines: DiffLine[] = [];
  let before = 0;
  let after = 0;
  let inside = false;
  for (const raw of diff.replace(/\n$/, "").split("\n")) {
    const hunk = HUNK.exec(raw);
    if (hunk) {
      before = Number(hunk[1]);
      after = Number(hunk[2]);
      inside = true;
      lines.push({ kind: "hunk", sign: " ", text: raw });
    } else if (inside && raw.startsWith("+")) {
      lines.push({ kind: "add", sign: "+", text: raw.slice(1), after: after++ });
    } else if (inside && raw.startsWith("-")) {
      lines.push({ kind: "del", sign: "−", text: raw.slice(1), before: before++ });
    } else if (inside && !raw.startsWith("\\")) {
      lines.push({ kind: "same", sign: " ", text: raw.slice(1), before: before++, after: after++ });
    }
  }
  return lines;
}

/** How many lines were added and taken away. */
export function countChanges(lines: DiffLine[]): { plus: number; minus: number } {
  const of = (kind: DiffLine["kind"]) => lines.filter((line) => line.kind === kind).length;
  return { plus: of("add"), minus: of("del") };
}

const CELL = /^# %% cell (\d+)$/;

/** Where a remark on each line belongs: `file:line` of the new text, of a notebook the head of a cell; empty for neither. */
export function anchorsOf(path: string, lines: DiffLine[]): string[] {
  if (path.endsWith(" (outputs)")) return lines.map(() => "");
  if (!path.endsWith(".ipynb")) return lines.map((line) => (line.after === undefined ? "" : `${path}:${line.after}`));
  return lines.map((line) => (line.kind === "same" || line.kind === "add" ? (CELL.exec(line.text)?.[1] ?? "") : "")).map((cell) => cell && `${path}#${cell}`);
}
