import { Button, Popover, TextInput } from "@mantine/core";
import { type DragEvent, useState } from "react";
import { columnOf } from "./columns";

const OFFERED = 200;
const STATS = ["last", "min", "max"];

const labelOf = (id: string) => (id.includes(".") ? id : (columnOf(id)?.label ?? id));

/** The list with the item at `from` put at `to`. */
export function reordered(ids: string[], from: number, to: number): string[] {
  const next = ids.toSpliced(from, 1);
  return next.toSpliced(Math.max(0, Math.min(next.length, to)), 0, ids[from] ?? "");
}

/** The metric of a column and which of its values is shown; null for what is no metric. */
function statOf(id: string, all: string[]): { key: string; stat: string } | null {
  if (!id.startsWith("metrics.")) return null;
  const stat = STATS.find((word) => id.endsWith(`.${word}`) && !all.includes(id));
  return { key: stat ? id.slice(0, -stat.length - 1) : id, stat: stat ?? "last" };
}

function Chosen({ id, at, chosen, all, onChange }: { id: string; at: number; chosen: string[]; all: string[]; onChange: (ids: string[]) => void }) {
  const metric = statOf(id, all);
  const label = labelOf(metric?.key ?? id);
  const put = (next: string) => onChange(chosen.map((other) => (other === id ? next : other)));
  const onDrop = (event: DragEvent) => {
    event.preventDefault();
    onChange(reordered(chosen, Number(event.dataTransfer.getData("text/plain")), at));
  };
  return (
    <li draggable onDragStart={(event) => event.dataTransfer.setData("text/plain", String(at))} onDragOver={(event) => event.preventDefault()} onDrop={onDrop}>
      <span className="name" title={label}>{label}</span>
      {metric && (
        <select aria-label={`Which value of ${label}`} value={metric.stat} onChange={(event) => put(event.currentTarget.value === "last" ? metric.key : `${metric.key}.${event.currentTarget.value}`)}>
          {STATS.map((stat) => <option key={stat}>{stat}</option>)}
        </select>
      )}
      <button type="button" className="clear" disabled={at === 0} aria-label={`Move ${label} up`} onClick={() => onChange(reordered(chosen, at, at - 1))}>↑</button>
      <button type="button" className="clear" disabled={at === chosen.length - 1} aria-label={`Move ${label} down`} onClick={() => onChange(reordered(chosen, at, at + 1))}>↓</button>
      <button type="button" className="clear" aria-label={`Take ${label} out`} onClick={() => onChange(chosen.filter((other) => other !== id))}>×</button>
    </li>
  );
}

/** Chooses the columns and their order; the first three figures are what phones show. */
export function ColumnChooser({ all, chosen, onChange }: { all: string[]; chosen: string[]; onChange: (ids: string[] | null) => void }) {
  const [wanted, setWanted] = useState("");
  const taken = new Set(chosen.map((id) => statOf(id, all)?.key ?? id));
  const offered = all.filter((id) => !taken.has(id) && id.toLowerCase().includes(wanted.toLowerCase()));
  // Enter takes the first of what is offered, so that a column is added without leaving the field.
  const add = () => {
    if (!wanted || offered[0] === undefined) return;
    onChange([...chosen, offered[0]]);
    setWanted("");
  };
  return (
    <Popover position="bottom-end" width={340} shadow="none" trapFocus>
      <Popover.Target><Button variant="default">Columns</Button></Popover.Target>
      <Popover.Dropdown aria-label="Choose columns">
        <div className="chooser" tabIndex={0} role="region" aria-label="Shown columns">
          <ol className="chosen">{chosen.map((id, i) => <Chosen key={id} id={id} at={i} chosen={chosen} all={all} onChange={onChange} />)}</ol>
        </div>
        <TextInput data-autofocus placeholder="Add a column" aria-label="Add a column" value={wanted} onChange={(event) => setWanted(event.currentTarget.value)} onKeyDown={(event) => event.key === "Enter" && add()} />
        <div className="chooser short" tabIndex={0} role="region" aria-label="Columns to add">
          {offered.slice(0, OFFERED).map((id) => <button key={id} type="button" className="link" onClick={() => onChange([...chosen, id])}>+ {labelOf(id)}</button>)}
          {offered.length > OFFERED && <p className="muted small">{offered.length - OFFERED} more: type to narrow down.</p>}
        </div>
        <Button variant="subtle" onClick={() => onChange(null)}>As before</Button>
      </Popover.Dropdown>
    </Popover>
  );
}
