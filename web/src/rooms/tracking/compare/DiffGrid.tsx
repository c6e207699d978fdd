import { useVirtualizer } from "@tanstack/react-virtual";
import { type CSSProperties, type RefObject, useLayoutEffect, useRef, useState } from "react";
import { Link } from "wouter";
import type { Differences, Run } from "@/api/types";
import { Name } from "@/ui/bits";
import { lookOf } from "@/ui/chart/colors";
import { Swatch } from "@/ui/chart/Swatch";
import { formatCount, formatNumber, formatValue, plural } from "@/ui/format";
import { type GridItem, itemsOf } from "./differences";

const [CELL, WIDEST] = [132, 300];
const ROW = 28;

const written = (value: unknown, numeric: boolean) => (numeric && typeof value === "number" ? formatNumber(value) : formatValue(value));
const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);

interface Place {
  index: number;
  start: number;
}

function Cells({ item, columns, runs }: { item: Extract<GridItem, { kind: "row" }>; columns: Place[]; runs: Run[] }) {
  const { row, numeric } = item;
  return columns.map(({ index, start }) => {
    const value = row.values[index];
    const differs = !numeric && index > 0 && !same(value, row.values[0]);
    return (
      <div role="cell" key={runs[index]?.id} aria-colindex={index + 2} className={`diff-cell mono${numeric ? " num" : ""}${differs ? " differs" : ""}`} style={{ transform: `translateX(${start}px)` }} title={`${runs[index]?.name}: ${formatValue(value)}`}>
        {differs && <span className="sr-only">differs: </span>}{written(value, numeric)}
      </div>
    );
  });
}

function Line({ item, columns, runs, style }: { item: GridItem; columns: Place[]; runs: Run[]; style: CSSProperties }) {
  if (item.kind === "head") {
    return (
      <div role="row" className="diff-line diff-group" style={style}>
        <div role="cell" className="diff-key"><strong>{item.title}</strong> <span className="muted small">{formatCount(item.rows.differing)} differ, {formatCount(item.rows.total - item.rows.differing)} same</span></div>
      </div>
    );
  }
  if (item.kind === "rest") {
    return <div role="row" className="diff-line" style={style}><div role="cell" className="diff-key muted small">{plural(item.hidden, "more key")}: search to narrow down</div></div>;
  }
  return (
    <div role="row" className="diff-line" style={style}>
      <div role="rowheader" className="diff-key mono" title={item.row.key}><Name>{item.row.key}</Name></div>
      <Cells item={item} columns={columns} runs={runs} />
    </div>
  );
}

/** How wide a run's column is: few runs share the room that there is, so that their names can be read. */
function useCell(box: RefObject<HTMLDivElement | null>, runs: number): number {
  const [cell, setCell] = useState(CELL);
  useLayoutEffect(() => {
    const grid = box.current;
    if (!grid) return;
    const watcher = new ResizeObserver(() => {
      const key = parseFloat(getComputedStyle(grid).getPropertyValue("--diff-key")) || 0;
      setCell(Math.round(Math.min(WIDEST, Math.max(CELL, (grid.clientWidth - key) / runs))));
    });
    watcher.observe(grid);
    return () => watcher.disconnect();
  }, [box, runs]);
  return cell;
}

/** One column a run and one line a key, virtual both ways: 200 runs of a thousand keys scroll like ten. */
export function DiffGrid({ found, all }: { found: Differences; all: boolean }) {
  const box = useRef<HTMLDivElement>(null);
  const { runs } = found;
  const items = itemsOf(found, all);
  const lines = useVirtualizer({ count: items.length, getScrollElement: () => box.current, estimateSize: () => ROW, overscan: 16 });
  const cell = useCell(box, runs.length);
  const across = useVirtualizer({ horizontal: true, count: runs.length, getScrollElement: () => box.current, estimateSize: () => cell, overscan: 4 });
  useLayoutEffect(() => across.measure(), [across, cell]);
  const columns = across.getVirtualItems();
  const width = across.getTotalSize();
  return (
    <div ref={box} className="diff-grid" tabIndex={0} role="region" aria-label="Differences, scrollable">
      <div role="table" aria-label={`${plural(runs.length, "run")} side by side`} aria-colcount={runs.length + 1} style={{ width: `calc(var(--diff-key) + ${width}px)`, "--diff-cell": `${cell}px` } as CSSProperties}>
        <div role="rowgroup" className="diff-heads">
          <div role="row" className="diff-line">
            <div role="columnheader" className="diff-key muted small">Key</div>
            {columns.map(({ index, start }) => {
              const run = runs[index];
              return run && (
                <div role="columnheader" key={run.id} aria-colindex={index + 2} className="diff-cell" style={{ transform: `translateX(${start}px)` }}>
                  <Swatch look={lookOf(run.id)} /> <Link href={`/runs/${run.id}`}><Name>{run.name || run.id}</Name></Link>
                </div>
              );
            })}
          </div>
        </div>
        <div role="rowgroup" className="diff-body" style={{ height: lines.getTotalSize() }}>
          {lines.getVirtualItems().map(({ index, start, key }) => {
            const item = items[index];
            return item && <Line key={key} item={item} columns={columns} runs={runs} style={{ transform: `translateY(${start}px)` }} />;
          })}
        </div>
      </div>
    </div>
  );
}
