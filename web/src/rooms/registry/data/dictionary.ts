import type { ColumnDoc, DatasetVersion } from "@/api/types";

export interface TableDoc {
  path: string;
  rows: number;
  /** Whether anything is known of the table but what people wrote. */
  known: boolean;
  columns: ColumnDoc[];
}

const bare = (table: string, column: string, type: string): ColumnDoc => ({ table, column, type, unit: "", description: "", missing: null, distinct: null, least: "", greatest: "", pii: "" });

/** The columns of each table: as the file has them, with what is said of them; what is said of no known column comes last. */
export function dictionaryOf({ summary, dictionary }: Pick<DatasetVersion, "summary" | "dictionary">): TableDoc[] {
  const tables = (summary.tables ?? []).map((table): TableDoc => {
    const said = new Map(dictionary.filter((line) => line.table === table.path).map((line) => [line.column, line]));
    const known = new Set(table.columns.map((column) => column.name));
    const columns = table.columns.map(({ name, type }) => {
      const line = said.get(name);
      return line ? { ...line, type: line.type || type } : bare(table.path, name, type);
    });
    return { path: table.path, rows: table.rows, known: true, columns: [...columns, ...[...said.values()].filter((line) => !known.has(line.column))] };
  });
  const listed = new Set(tables.map((table) => table.path));
  const others = [...new Set(dictionary.map((line) => line.table))].filter((path) => !listed.has(path));
  return [...tables, ...others.map((path) => ({ path, rows: 0, known: false, columns: dictionary.filter((line) => line.table === path) }))];
}

type Described = Pick<DatasetVersion, "summary" | "dictionary">;

/** Whether a table's words are those of the version before although its bytes are others: then its counts are older than it. */
export function tookOver(path: string, version: Described, parent: Described): boolean {
  const digest = ({ summary }: Described) => summary.tables?.find((table) => table.path === path)?.digest;
  const words = ({ dictionary }: Described) => JSON.stringify(dictionary.filter((line) => line.table === path));
  return words(version) !== "[]" && words(version) === words(parent) && digest(version) !== digest(parent);
}
