import { useEffect, useRef } from "react";
import type { GroupMetric, RunGroup, RunGroups } from "@/api/types";
import { Name } from "@/ui/bits";
import { formatCount, formatNumber, plural } from "@/ui/format";
import { domainOf, plusMinus, valueOf, verdictOf } from "./groups";

interface Props {
  found: RunGroups;
  metrics: string[];
  sort: string;
  active: number;
  selected: Set<string>;
  onSort: (field: string) => void;
  onSelect: (group: RunGroup) => void;
  onOpen: (group: RunGroup) => void;
}

/** The interval as a line with the mean on it, on the column's common scale. */
function IntervalBar({ metric, domain: [low, high], strong }: { metric: GroupMetric; domain: [number, number]; strong: boolean }) {
  if (metric.mean === null) return null;
  const place = (value: number) => `${Math.min(100, Math.max(0, 4 + ((value - low) / (high - low)) * 92))}%`;
  return (
    <svg className={strong ? "interval strong" : "interval"} aria-hidden="true">
      {metric.low !== null && metric.high !== null && <line x1={place(metric.low)} x2={place(metric.high)} y1="50%" y2="50%" />}
      <circle cx={place(metric.mean)} cy="50%" r="3" />
    </svg>
  );
}

const said = (metric: GroupMetric) =>
  [`${metric.key}: ${plural(metric.n, "value")}`, metric.least !== null && `from ${metric.least} to ${metric.greatest}`, metric.low !== null && `95 % interval of the mean ${metric.low} to ${metric.high}`].filter(Boolean).join(", ");

function Head({ found, metrics, sort, onSort }: Pick<Props, "found" | "metrics" | "sort" | "onSort">) {
  const sorter = (field: string, label: string, numeric: boolean) => {
    const to = sort === `-${field}` ? "descending" : sort === field ? "ascending" : "none";
    return (
      <th key={field} scope="col" className={numeric ? "num" : undefined} aria-sort={to}>
        <button type="button" className="sorter" onClick={() => onSort(field)}>{label}<span aria-hidden="true">{to === "descending" ? " ↓" : to === "ascending" ? " ↑" : ""}</span></button>
      </th>
    );
  };
  return (
    <thead>
      <tr>
        <th scope="col"><span className="sr-only">Select</span></th>
        {found.by.map((by) => (by === "params" ? <th key={by} scope="col">Parameters but the seed</th> : sorter(by, by.replace(/^(params|tags)\./, ""), false)))}
        {sorter("n", "Runs", true)}
        {metrics.flatMap((key, i) => [
          sorter(key, key.replace("metrics.", ""), true),
          <td key={`${key} bar`} className="interval-cell" />,
          i === 0 && <th key="test" scope="col">{found.reference === "baseline" ? "Against the baseline" : "Against the best"}</th>,
        ])}
      </tr>
    </thead>
  );
}

function Row({ group, index, props, domains }: { group: RunGroup; index: number; props: Props; domains: Map<string, [number, number]> }) {
  const { found, metrics } = props;
  const chosen = group.run_ids.length > 0 && group.run_ids.every((id) => props.selected.has(id));
  const name = group.values.map(valueOf).join(", ");
  return (
    <tr aria-selected={chosen} className={index === props.active ? "active" : undefined}>
      <td><input type="checkbox" className="tick" checked={chosen} onChange={() => props.onSelect(group)} aria-label={`Select the runs of ${name}`} /></td>
      {group.values.map((value, i) => (
        <td key={i} className={i === 0 ? "group-name" : undefined}>
          {i === 0 ? <button type="button" className="link mono" data-group-row={index} disabled={!group.where} onClick={() => props.onOpen(group)}><Name>{valueOf(value)}</Name></button> : <span className="mono"><Name>{valueOf(value)}</Name></span>}
        </td>
      ))}
      <td className="num" title={group.seeds ? `${plural(group.seeds, "different seed")}` : "no seed is recorded"}>{formatCount(group.n)}{group.seeds > 0 && group.seeds < group.n && <span className="tone-amber small"> {formatCount(group.seeds)} seeds</span>}</td>
      {metrics.map((key, i) => {
        const metric = group.metrics.find((one) => one.key === key);
        if (!metric) return <td key={key} colSpan={2}>–</td>;
        return [
          <td key={key} className="num figure nowrap" title={said(metric)}>{plusMinus(metric)}{metric.n < group.n && <span className="tone-amber small"> {formatNumber(metric.n)} of {formatNumber(group.n)}</span>}</td>,
          <td key={`${key} bar`} className="interval-cell"><IntervalBar metric={metric} domain={domains.get(key) ?? [0, 1]} strong={group.is_reference} /></td>,
          i === 0 && <td key="test" className="nowrap small verdict">{verdictOf(found, group, key)}</td>,
        ];
      })}
    </tr>
  );
}

/** One row for each group of runs: how many, each mean with its 95 % interval, and whether it can be told from the best. */
export function GroupTable({ metrics: asked, ...rest }: Props) {
  const { found, active } = rest;
  // The metric that orders the groups comes first, with the verdict beside it.
  const tested = rest.sort.replace(/^-/, "");
  const metrics = asked.toSorted((a, b) => Number(b === tested) - Number(a === tested));
  const props = { ...rest, metrics };
  const box = useRef<HTMLDivElement>(null);
  const domains = new Map(metrics.map((key) => [key, domainOf(found.groups, key)]));
  useEffect(() => {
    if (active >= 0) box.current?.querySelector<HTMLElement>(`[data-group-row="${active}"]`)?.focus();
  }, [active]);
  return (
    <div ref={box} className="grid groups" tabIndex={0} role="region" aria-label="Groups, scrollable">
      <table className="plain-table">
        <Head {...props} />
        <tbody>{found.groups.map((group, i) => <Row key={JSON.stringify(group.values)} group={group} index={i} props={props} domains={domains} />)}</tbody>
      </table>
      <p className="muted small">
        {found.total > found.groups.length && `The first ${found.groups.length} of ${formatCount(found.total)} groups. `}
        Mean ± half of Student’s 95 % interval. {found.reference === "nothing"
          ? "Sort by a metric to test each group against the best one."
          : "Welch’s test at 5 %, each group by itself: of twenty equal groups one is expected to differ by chance."}
      </p>
    </div>
  );
}
