import { useMemo } from "react";
import { Link } from "wouter";
import type { ReportContent, ReportPart } from "@/api/types";
import { Figure, Name } from "@/ui/bits";
import { ChartPanel } from "@/ui/chart/ChartPanel";
import { looksOf } from "@/ui/chart/colors";
import { Swatch } from "@/ui/chart/Swatch";
import type { Line } from "@/ui/chart/types";
import { formatDuration, formatNumber, formatValue, plural } from "@/ui/format";
import { Markdown } from "@/ui/Markdown";
import { Medium } from "@/ui/media/Medium";
import { Scroll } from "@/ui/Scroll";

const SPECIAL = ["NaN", "Infinity", "-Infinity"];

function Cell({ value, column = "" }: { value: unknown; column?: string }) {
  if (column === "duration_s" && typeof value === "number") return <td className="num"><span className="figure" title={`${value} s`}>{formatDuration(value)}</span></td>;
  if (value === null || value === undefined) return <td className="muted">–</td>;
  if (typeof value === "number") return <td className="num"><Figure value={value} /></td>;
  if (SPECIAL.includes(String(value))) return <td className="num"><Figure value={null} special={String(value)} /></td>;
  return <td><bdi>{typeof value === "string" ? value : formatValue(value)}</bdi></td>;
}

const numeric = (rows: unknown[][], column: number) => rows.length > 0 && rows.every((row) => typeof row[column] === "number" || row[column] === null || SPECIAL.includes(String(row[column])));

/** A column's name as people say it: without the backticks that unusual keys have in a search. */
const titled = (column: string) => column.replace(/^duration_s$/, "duration").replace(/^(metrics|params|tags)\./, "").replaceAll("`", "");

function Runs({ part }: { part: ReportPart }) {
  const { table, runs } = part;
  const looks = looksOf(runs.map((run) => run.id));
  return (
    <Scroll label="Runs">
      <table className="plain-table">
        <thead><tr><th scope="col">Run</th><th scope="col">Status</th>{table?.columns.map((column, i) => <th key={i} scope="col" className={numeric(table.rows, i) ? "num" : undefined}>{titled(column)}</th>)}</tr></thead>
        <tbody>
          {runs.map((run, i) => (
            <tr key={run.id}>
              <th scope="row"><span className="inline-field"><Swatch look={looks.get(run.id) ?? { color: 0, dash: 0 }} /><Link href={`/runs/${run.id}`}><Name>{run.name || run.id}</Name></Link></span></th>
              <td>{run.status}</td>
              {table?.rows[i]?.map((value, j) => <Cell key={j} value={value} column={table.columns[j]} />)}
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function Params({ part: { table } }: { part: ReportPart }) {
  if (!table || table.rows.length === 0) return <p className="muted">No param differs.</p>;
  return (
    <Scroll label="Params">
      <table className="plain-table">
        <thead><tr>{table.columns.map((column, i) => <th key={i} scope="col" className={i > 0 && numeric(table.rows, i) ? "num" : undefined}><Name>{column}</Name></th>)}</tr></thead>
        <tbody>{table.rows.map((row, i) => <tr key={i}><th scope="row" className="mono">{String(row[0])}</th>{row.slice(1).map((value, j) => <Cell key={j} value={value} />)}</tr>)}</tbody>
      </table>
    </Scroll>
  );
}

function linesOf(part: ReportPart, key: string): Line[] {
  const looks = looksOf(part.runs.map((run) => run.id));
  const names = new Map(part.runs.map((run) => [run.id, run.name || run.id]));
  return part.curves.filter((curve) => curve.series.key === key).map(({ run_id: id, series }) => ({
    id, label: names.get(id) ?? id, ...(looks.get(id) ?? { color: 0, dash: 0 }),
    steps: Float64Array.from(series.steps), times: Float64Array.from(series.times),
    values: Float64Array.from(series.values, (value, i) => value ?? Number(series.special[i] ?? NaN)),
  }));
}

function Curves({ part }: { part: ReportPart }) {
  const { keys = [], axis, log, smooth } = part.block;
  const charts = useMemo(() => keys.map((key) => key.replace(/^metrics\./, "")).map((key) => ({ key, lines: linesOf(part, key) })), [part, keys]);
  return <div className="charts wide-charts">{charts.map(({ key, lines }) => <ChartPanel key={key} title={key} lines={lines} height={260} axis={axis} log={log} weight={smooth} linkOf={(line) => `/runs/${line.id}`} />)}</div>;
}

function Groups({ part: { groups } }: { part: ReportPart }) {
  if (!groups || groups.groups.length === 0) return <p className="muted">No run fits.</p>;
  return (
    <Scroll label="Groups">
      <table className="plain-table">
        <thead><tr>{groups.by.map((by, i) => <th key={by} scope="col" className={numeric(groups.groups.map((group) => group.values), i) ? "num" : undefined}>{titled(by)}</th>)}<th scope="col" className="num">Runs</th>{groups.groups[0]?.metrics.map((metric) => <th key={metric.key} scope="col" className="num">{titled(metric.key)}</th>)}</tr></thead>
        <tbody>
          {groups.groups.map((group, i) => (
            <tr key={i}>
              {group.values.map((value, j) => <Cell key={j} value={value} />)}
              <td className="num">{group.n}</td>
              {group.metrics.map((metric) => (
                <td key={metric.key} className="num">
                  <Figure value={metric.mean} />{metric.low !== null && metric.high !== null && <span className="muted"> [{formatNumber(metric.low)}, {formatNumber(metric.high)}]</span>}
                  {metric.test && <div className="muted small">{metric.test.verdict}</div>}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function Media({ part }: { part: ReportPart }) {
  const names = new Map(part.runs.map((run) => [run.id, run.name || run.id]));
  if (part.media.length === 0) return <p className="muted">No media.</p>;
  return (
    <div className="report-media">
      {part.media.map((medium) => (
        <figure key={`${medium.run_id} ${medium.path}`}>
          <Medium runId={medium.run_id} file={{ ...medium, n: 0 }} />
          <figcaption className="muted small">{medium.key} at step {medium.step}, <Name>{names.get(medium.run_id) ?? medium.run_id}</Name></figcaption>
        </figure>
      ))}
    </div>
  );
}

const BODIES: Record<ReportPart["block"]["kind"], (part: ReportPart) => React.ReactNode> = {
  text: () => null,
  runs: (part) => <Runs part={part} />,
  params: (part) => <Params part={part} />,
  curves: (part) => <Curves part={part} />,
  groups: (part) => <Groups part={part} />,
  media: (part) => <Media part={part} />,
};

/** What a report shows, block by block. */
export function Parts({ content }: { content: ReportContent }) {
  return (
    <div className="report">
      {content.parts.map((part, i) => (
        <section key={i} aria-label={part.block.title || part.block.kind}>
          {part.block.title && <h2><bdi>{part.block.title}</bdi></h2>}
          {part.block.text && <Markdown text={part.block.text} />}
          {part.problem && <p className="tone-amber" role="note">⚠ {part.problem}</p>}
          {(!part.problem || part.runs.length > 0) && BODIES[part.block.kind](part)}
          {part.runs.length > 0 && part.total > part.runs.length && <p className="muted small">The first {part.runs.length} of {plural(part.total, "run")}.</p>}
        </section>
      ))}
    </div>
  );
}
