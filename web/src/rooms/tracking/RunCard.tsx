import { memo } from "react";
import type { Run } from "@/api/types";
import { Marks, StatusBadge } from "@/ui/Badge";
import { Name, Time } from "@/ui/bits";
import { lookOf } from "@/ui/chart/colors";
import { Swatch } from "@/ui/chart/Swatch";
import { RowLink } from "@/ui/RowLink";
import type { Column } from "./columns";

/** A run on a phone: name, how it stands, and the first three figures of the chosen columns. */
export const RunCard = memo(function RunCard({ run, columns, chosen, onSelect, top }: {
  run: Run;
  columns: Column[];
  chosen: boolean;
  onSelect: (run: Run) => void;
  top: number;
}) {
  const figures = columns.filter((column) => column.id.includes(".")).slice(0, 3);
  return (
    <div role="row" aria-selected={chosen} className="run-card" style={{ top }}>
      <div role="cell" className="run-card-head">
        <input type="checkbox" className="tick" checked={chosen} onChange={() => onSelect(run)} aria-label={`Select ${run.name}`} />
        <Swatch look={lookOf(run.id)} />
        <RowLink href={`/runs/${run.id}`}><Name>{run.name || run.id}</Name></RowLink>
        <StatusBadge status={run.status} />
      </div>
      <div role="cell" className="run-card-figures">
        {figures.map((column) => (
          <div key={column.id}><span className="muted">{column.label}</span>{column.cell(run)}</div>
        ))}
      </div>
      <div role="cell" className="run-card-head small muted"><Time at={run.started_at} /> <Marks run={run} /></div>
    </div>
  );
});
