import { formatNumber, formatValue, plural } from "../format";
import { Scroll } from "../Scroll";

export interface Data {
  columns: unknown[];
  data: unknown[][];
}

const SHOWN = 100;

/** Columns and rows of a table file; null for what is none. */
export function tableOf(text: string): Data | null {
  try {
    const { columns, data } = JSON.parse(text) as Partial<Data>;
    return Array.isArray(columns) && Array.isArray(data) && data.every(Array.isArray) ? { columns, data } : null;
  } catch {
    return null;
  }
}

/** A table that a run logged. */
export function DataTable({ table }: { table: Data }) {
  return (
    <>
      <Scroll label="Table">
        <table className="plain-table">
          <thead><tr>{table.columns.map((column, i) => <th key={i} scope="col">{formatValue(column)}</th>)}</tr></thead>
          <tbody>{table.data.slice(0, SHOWN).map((row, i) => <tr key={i}>{row.map((cell, j) => <td key={j} className={typeof cell === "number" ? "num figure" : undefined}>{typeof cell === "number" ? formatNumber(cell) : formatValue(cell)}</td>)}</tr>)}</tbody>
        </table>
      </Scroll>
      {table.data.length > SHOWN && <p className="muted small">The first {SHOWN} of {plural(table.data.length, "row")}.</p>}
    </>
  );
}
