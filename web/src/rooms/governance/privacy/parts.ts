import { api } from "@/api/client";
import type { ExportPart, FoundFile, Survey } from "@/api/types";
import { plural } from "@/ui/format";

/** Everything that concerns a person, part by part. */
export async function takeOut(person: string, told: (rows: number) => void): Promise<{ tables: ExportPart["tables"]; files: FoundFile[] }> {
  const tables: ExportPart["tables"] = {};
  const files: FoundFile[] = [];
  let place = "";
  let rows = 0;
  do {
    const part = await api.get("/api/v1/persons/{person}/data", { path: { person }, query: { place } });
    for (const [table, found] of Object.entries(part.tables)) {
      tables[table] = [...(tables[table] ?? []), ...found];
      rows += found.length;
    }
    files.push(...part.files);
    told(rows);
    place = part.place;
  } while (place);
  return { tables, files };
}

/** What an erasure would find, all parts together. */
export async function lookOver(person: string, also: string[]): Promise<Omit<Survey, "place">> {
  const found = { rows: {} as Record<string, number>, removed: {} as Record<string, number>, files: [] as FoundFile[], refused: "" };
  let place = "";
  do {
    const part = await api.get("/api/v1/persons/{person}/survey", { path: { person }, query: { also, place } });
    for (const [where, count] of Object.entries(part.rows)) found.rows[where] = (found.rows[where] ?? 0) + count;
    if (!place) Object.assign(found, { removed: part.removed, refused: part.refused });
    found.files.push(...part.files);
    place = part.place;
  } while (place);
  return found;
}

/** Rows by table, from counts by column: the largest count of each. */
export function byTable(rows: Record<string, number>): [string, number][] {
  const found = new Map<string, number>();
  for (const [where, count] of Object.entries(rows)) {
    const table = where.split(".")[0] ?? where;
    found.set(table, Math.max(found.get(table) ?? 0, count));
  }
  return [...found].sort(([, one], [, other]) => other - one);
}

const PHASES: Record<string, string> = {
  access: "ending every way in", files: "looking through files", documents: "writing captured documents anew", runs: "writing runs anew",
  certificates: "stating certificates again", proposals: "writing proposals anew", rows: "going through all rows", packed: "pinned reports",
  trail: "the audit trail", bytes: "removing old bytes", end: "searching everything, overwriting what was there",
};

/** What is going on with an erasure, in words. */
export function stateText(state: string, phase: string, waits: number): string {
  if (state === "running") return `◌ ${PHASES[phase] ?? phase}`;
  if (state === "waiting") return `? waits for a decision on ${plural(waits, "file")}`;
  return { requested: "◌ waits for somebody else to confirm it", done: "✓ done", withdrawn: "∅ withdrawn" }[state] ?? state;
}

/** Hands text to the browser as a file. */
export function download(name: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  const link = Object.assign(document.createElement("a"), { href: url, download: name });
  link.click();
  URL.revokeObjectURL(url);
}
