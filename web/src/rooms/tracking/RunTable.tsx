import { memo, useEffect, useRef } from "react";
import type { Run } from "@/api/types";
import { Name } from "@/ui/bits";
import { lookOf } from "@/ui/chart/colors";
import { Swatch } from "@/ui/chart/Swatch";
import { plural } from "@/ui/format";
import { RowLink } from "@/ui/RowLink";
import type { Column } from "./columns";
import { RunCard } from "./RunCard";
import { TableHead } from "./TableHead";
import { useRowsInView } from "./useRowsInView";

interface Props {
  runs: Run[];
  columns: Column[];
  total: number;
  sort: string;
  onSort: (field: string) => void;
  selected: Set<string>;
  onSelect: (run: Run) => void;
  active: number;
  cards: boolean;
  hasMore: boolean;
  onMore: () => void;
}

const NAME_WIDTH = 260;
const [ROW, CARD, HEAD] = [32, 98, 30];
/** So many rows before the last one, the next page is asked for. */
const AHEAD = 40;

interface RowProps {
  run: Run;
  index: number;
  columns: Column[];
  template: string;
  width: number;
  chosen: boolean;
  active: boolean;
  onSelect: (run: Run) => void;
}

const classOf = ({ numeric, fits }: Column) => (numeric ? (fits ? "num fits" : "num") : fits ? "fits" : undefined);

/** One row. While the table is scrolled its properties are the same, so rows that stay are not drawn again. */
const Row = memo(function Row({ run, index, columns, template, width, chosen, active, onSelect }: RowProps) {
  return (
    <div role="row" aria-rowindex={index + 2} aria-selected={chosen} className={active ? "grid-row active" : "grid-row"} style={{ top: index * ROW, gridTemplateColumns: template, width }}>
      <div role="cell" className="stick fits">
        <input type="checkbox" className="tick" checked={chosen} onChange={() => onSelect(run)} aria-label={`Select ${run.name}`} />
        <Swatch look={lookOf(run.id)} />
        <RowLink href={`/runs/${run.id}`} data-run-row={index} className="row-name"><Name>{run.name || run.id}</Name></RowLink>
      </div>
      {columns.map((column) => (
        <div role="cell" key={column.id} className={classOf(column)}>{column.cell(run)}</div>
      ))}
    </div>
  );
});

/** The runs as virtual rows: only what is in view is in the page, more is fetched as the reader comes near the end. */
export const RunTable = memo(function RunTable(props: Props) {
  const { runs, columns, total, cards, hasMore, onMore, active, onSelect, selected } = props;
  const box = useRef<HTMLDivElement>(null);
  const height = cards ? CARD : ROW;
  const { from, to, show } = useRowsInView(box, runs.length, height, cards ? 0 : HEAD);
  useEffect(() => {
    if (hasMore && to > runs.length - AHEAD) onMore();
  }, [hasMore, to, runs.length, onMore]);
  useEffect(() => {
    if (active < 0) return;
    show(active);
    requestAnimationFrame(() => box.current?.querySelector<HTMLElement>(`[data-run-row="${active}"]`)?.focus({ preventScroll: true }));
    // eslint-disable-next-line react-hooks/exhaustive-deps -- only a move of the active row scrolls, not new rows
  }, [active]);
  const widths = [NAME_WIDTH, ...columns.map((column) => column.width)];
  const template = widths.map((px) => `${px}px`).join(" ");
  const width = widths.reduce((sum, px) => sum + px, 0);
  return (
    <div ref={box} className="grid" tabIndex={0} role="region" aria-label="Runs, scrollable">
      <div role="table" aria-label={plural(total, "run")} aria-rowcount={total + 1}>
        {!cards && <TableHead columns={columns} sort={props.sort} onSort={props.onSort} template={template} width={width} />}
        <div role="rowgroup" className="grid-body" style={{ height: runs.length * height }}>
          {runs.slice(from, to).map((run, i) => (cards
            ? <RunCard key={run.id} run={run} columns={columns} chosen={selected.has(run.id)} onSelect={onSelect} top={(from + i) * CARD} />
            : <Row key={run.id} run={run} index={from + i} columns={columns} template={template} width={width} chosen={selected.has(run.id)} active={from + i === active} onSelect={onSelect} />))}
        </div>
      </div>
    </div>
  );
});
