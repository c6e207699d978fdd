import { Button } from "@mantine/core";
import { useState } from "react";
import type { Dataset, RowChange, TableDiff } from "@/api/types";
import { Section } from "@/ui/bits";
import { formatCount, plural } from "@/ui/format";
import { Scroll } from "@/ui/Scroll";
import { ErrorNote, Loading } from "@/ui/states";
import { useTableDiff } from "./queries";
import { usePurpose } from "./ReadFor";

function Columns({ table }: { table: TableDiff }) {
  const lines = [
    ...table.columns_removed.map((column) => ({ sign: "−", tone: "red", word: "removed", name: column.name, type: column.type })),
    ...table.columns_retyped.map((column) => ({ sign: "≠", tone: "amber", word: "another type", name: column.name, type: `${column.before} → ${column.after}` })),
    ...table.columns_added.map((column) => ({ sign: "+", tone: "green", word: "added", name: column.name, type: column.type })),
  ];
  if (lines.length === 0) return <p className="muted">The same columns.</p>;
  return (
    <ul className="plain-list change-list">
      {lines.map((line) => (
        <li key={`${line.word} ${line.name}`}>
          <span className={`tone-${line.tone} nowrap`}><span aria-hidden="true" className="badge-sign">{line.sign}</span> column {line.word}</span>
          <span className="mono break"><bdi>{line.name}</bdi></span>
          <span className="muted mono">{line.type}</span>
        </li>
      ))}
    </ul>
  );
}

const SIGNS: Record<string, [string, string]> = { added: ["+", "add"], removed: ["−", "del"], changed: ["≠", "same"] };

function Cell({ change, name }: { change: RowChange; name: string }) {
  const [before, after] = [change.before?.[name], change.after?.[name]];
  const text = (value: string | null | undefined) => (value === null ? <span className="muted">missing</span> : value);
  if (change.kind !== "changed") return <bdi>{text(change.kind === "added" ? after : before)}</bdi>;
  if (before === undefined && after === undefined) return <span className="muted">same</span>;
  if (before === after) return <bdi>{text(after)}</bdi>;
  return <><del><bdi>{text(before)}</bdi></del> <ins><bdi>{text(after)}</bdi></ins></>;
}

function Sample({ rows }: { rows: RowChange[] }) {
  const names = [...new Set(rows.flatMap((row) => [...Object.keys(row.before ?? {}), ...Object.keys(row.after ?? {})]))];
  return (
    <Scroll label="Rows that differ">
      <table className="plain-table row-changes">
        <thead><tr><th>Change</th><th className="num">Row</th>{names.map((name) => <th key={name} className="mono"><bdi>{name}</bdi></th>)}</tr></thead>
        <tbody>
          {rows.map((row) => (
            <tr key={`${row.kind} ${row.row}`} className={`diff-${SIGNS[row.kind]?.[1] ?? "same"}`}>
              <td className="nowrap">{SIGNS[row.kind]?.[0]} {row.kind}</td>
              <td className="num">{formatCount(row.row)}</td>
              {names.map((name) => <td key={name} className="mono"><Cell change={row} name={name} /></td>)}
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function Rows({ table }: { table: TableDiff }) {
  const { rows } = table;
  if (!rows) return <p className="muted">Rows were not compared: {table.why_no_rows}</p>;
  const columns = Object.entries(rows.columns ?? {});
  return (
    <>
      <p>
        Rows found by {rows.key.length ? <code>{rows.key.join(", ")}</code> : "their whole content"}: {formatCount(rows.added)} added, {formatCount(rows.removed)} removed, {formatCount(rows.changed)} changed, {formatCount(rows.same)} same.
        {columns.length > 0 && <> Values changed: {columns.map(([name, count]) => `${name} ${formatCount(count)}`).join(", ")}.</>}
      </p>
      {rows.sample && rows.sample.length > 0 && <Sample rows={rows.sample} />}
    </>
  );
}

/** A table in two versions: columns first, then how many rows, and the rows themselves on demand. */
export function TableChanges({ table, dataset, version, other }: { table: TableDiff; dataset: Dataset; version: string; other: string }) {
  const [wanted, setWanted] = useState(false);
  const { purpose, ready } = usePurpose(dataset.id);
  const query = useTableDiff(dataset.id, version, other, table.path, purpose, wanted && ready);
  return (
    <Section title={<span className="mono break"><bdi>{table.path}</bdi></span>}
      aside={<span className="muted small">{formatCount(table.rows_before ?? 0)} → {plural(table.rows_after ?? 0, "row")}</span>}>
      <Columns table={table} />
      {!wanted && <p className="spaced"><Button size="compact-xs" variant="default" disabled={!ready} onClick={() => setWanted(true)}>Compare the rows</Button></p>}
      {wanted && ready && (query.data ? <div className="stack spaced"><Rows table={query.data} /></div> : query.isError ? <ErrorNote error={query.error} /> : <Loading rows={3} label="Comparing rows" />)}
    </Section>
  );
}
