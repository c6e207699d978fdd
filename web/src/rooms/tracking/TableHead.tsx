import { memo } from "react";
import type { Column } from "./columns";
import { fieldOf } from "./fields";

const ARIA = { "-": "descending", "+": "ascending", "": "none" } as const;

function direction(column: Column, sort: string): keyof typeof ARIA {
  const field = fieldOf(column.id);
  if (sort === field) return "+";
  return sort === `-${field}` ? "-" : "";
}

/** The head of the run table; a click sorts downwards, then upwards, then not. */
export const TableHead = memo(function TableHead({ columns, sort, onSort, template, width }: {
  columns: Column[];
  sort: string;
  onSort: (field: string) => void;
  template: string;
  width: number;
}) {
  const named: Column = { id: "name", label: "Run", width: 0, sortable: true, cell: () => null };
  return (
    <div role="rowgroup" className="grid-sticky">
      <div role="row" className="grid-row grid-head" aria-rowindex={1} style={{ gridTemplateColumns: template, width }}>
        {[named, ...columns].map((column, i) => {
          const to = direction(column, sort);
          return (
            <div role="columnheader" key={column.id} aria-sort={column.sortable ? ARIA[to] : undefined} title={column.id}
              className={`${i === 0 ? "stick" : ""}${column.numeric ? " num" : ""}`}>
              {column.sortable ? (
                <button type="button" className="sorter" onClick={() => onSort(column.id)}>
                  {column.label}<span aria-hidden="true">{to === "-" ? " ↓" : to === "+" ? " ↑" : ""}</span>
                </button>
              ) : column.label}
            </div>
          );
        })}
      </div>
    </div>
  );
});
