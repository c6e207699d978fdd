import { useVirtualizer } from "@tanstack/react-virtual";
import { memo, useEffect, useRef } from "react";
import { Link } from "wouter";
import type { Run } from "@/api/types";
import { Name } from "@/ui/bits";
import { lookOf } from "@/ui/chart/colors";
import { Swatch } from "@/ui/chart/Swatch";
import { plural } from "@/ui/format";
import type { Column } from "./columns";
import { RunCard } from "./RunCard";
import { TableHead } from "./TableHead";

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

/** One row. While the table is scrolled its properties are the same objects, so rows that stay are not drawn again. */
const Row = memo(function Row({ run, index, props, start, template }: { run: Run; index: number; props: Props; start: number; template: string }) {
  const chosen = props.selected.has(run.id);
  const style = { transform: `translateY(${start}px)`, gridTemplateColumns: props.cards ? undefined : template };
  if (props.cards) return <RunCard run={run} columns={props.columns} chosen={chosen} onSelect={props.onSelect} style={style} />;
  return (
    <div role="row" aria-rowindex={index + 2} aria-selected={chosen} className={index === props.active ? "grid-row active" : "grid-row"} style={style}>
      <div role="cell" className="stick">
        <input type="checkbox" className="tick" checked={chosen} onChange={() => props.onSelect(run)} aria-label={`Select ${run.name}`} />
        <Swatch look={lookOf(run.id)} />
        <Link href={`/runs/${run.id}`} data-run-row={index} className="row-name"><Name>{run.name || run.id}</Name></Link>
      </div>
      {props.columns.map((column) => (
        <div role="cell" key={column.id} className={column.numeric ? "num" : undefined}>{column.cell(run)}</div>
      ))}
    </div>
  );
});

/** The runs as virtual rows: only what is in view is in the page, more is fetched as the reader comes near the end. */
export function RunTable(props: Props) {
  const { runs, columns, total, cards, hasMore, onMore, active } = props;
  const box = useRef<HTMLDivElement>(null);
  const rows = useVirtualizer({
    count: runs.length,
    getScrollElement: () => box.current,
    estimateSize: () => (cards ? 98 : 32),
    overscan: 12,
  });
  useEffect(() => rows.measure(), [cards, rows, runs.length]);
  const shown = rows.getVirtualItems();
  const last = shown.at(-1)?.index ?? 0;
  useEffect(() => {
    if (hasMore && last >= runs.length - 40) onMore();
  }, [hasMore, last, runs.length, onMore]);
  useEffect(() => {
    if (active < 0) return;
    rows.scrollToIndex(active);
    requestAnimationFrame(() => box.current?.querySelector<HTMLElement>(`[data-run-row="${active}"]`)?.focus({ preventScroll: true }));
    // eslint-disable-next-line react-hooks/exhaustive-deps -- only a move of the active row scrolls, not new rows
  }, [active]);
  const template = [NAME_WIDTH, ...columns.map((column) => column.width)].map((px) => `${px}px`).join(" ");
  return (
    <div ref={box} className="grid" tabIndex={0} role="region" aria-label="Runs, scrollable">
      <div role="table" aria-label={plural(total, "run")} aria-rowcount={total + 1}>
        {!cards && <TableHead columns={columns} sort={props.sort} onSort={props.onSort} template={template} />}
        <div role="rowgroup" className="grid-body" style={{ height: rows.getTotalSize() }}>
          {shown.map((row) => {
            const run = runs[row.index];
            return run && <Row key={row.key} run={run} index={row.index} props={props} start={row.start} template={template} />;
          })}
        </div>
      </div>
    </div>
  );
}
