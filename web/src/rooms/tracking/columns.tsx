import type { ReactNode } from "react";
import type { Run } from "@/api/types";
import { Marks, StatusBadge } from "@/ui/Badge";
import { Figure, figureClass, IdChip, Name, Time } from "@/ui/bits";
import { formatDuration, formatElapsed, formatMemory, formatValue } from "@/ui/format";

export interface Column {
  id: string;
  label: string;
  width: number;
  numeric?: boolean;
  sortable?: boolean;
  /** Whether everything that can stand in it is narrower than it is, or sees to that itself. */
  fits?: boolean;
  cell: (run: Run) => ReactNode;
}

const FIXED: Column[] = [
  { id: "status", label: "Status", width: 104, sortable: true, fits: true, cell: (run) => <StatusBadge status={run.status} /> },
  { id: "trust", label: "Trust", width: 256, cell: (run) => (run.marks.length > 0 ? <Marks run={run} /> : null) },
  { id: "experiment", label: "Experiment", width: 150, sortable: true, fits: true, cell: (run) => (run.experiment ? <Name>{run.experiment}</Name> : "–") },
  { id: "started_at", label: "Started", width: 112, sortable: true, fits: true, cell: (run) => <Time at={run.started_at} /> },
  { id: "duration_s", label: "Duration", width: 112, numeric: true, sortable: true, fits: true, cell: (run) => formatElapsed(run) },
  { id: "peak_memory_bytes", label: "Memory", width: 104, numeric: true, sortable: true, cell: (run) => formatMemory(run.peak_memory_bytes) },
  { id: "cpu_s", label: "CPU time", width: 112, numeric: true, sortable: true, cell: (run) => formatDuration(run.cpu_s) },
  { id: "peak_gpu_memory_bytes", label: "GPU memory", width: 112, numeric: true, sortable: true, cell: (run) => formatMemory(run.peak_gpu_memory_bytes) },
  { id: "gpu_percent", label: "GPU busy", width: 96, numeric: true, sortable: true, cell: (run) => (run.gpu_percent === null ? "–" : `${run.gpu_percent} %`) },
  { id: "created_by", label: "By", width: 110, sortable: true, fits: true, cell: (run) => <Name>{run.created_by}</Name> },
  { id: "purpose", label: "Purpose", width: 220, fits: true, cell: (run) => <Name>{run.purpose || "–"}</Name> },
  { id: "commit", label: "Commit", width: 96, cell: (run) => <span className="mono">{run.commit ? run.commit.slice(0, 8) + (run.dirty ? "+" : "") : "–"}</span> },
  { id: "seed", label: "Seed", width: 80, numeric: true, sortable: true, cell: (run) => String(run.seed ?? "–") },
  { id: "id", label: "Id", width: 96, cell: (run) => <IdChip id={run.id} /> },
];

const widthOf = (key: string) => Math.min(220, Math.max(92, key.length * 7.6 + 28));

const STAT = /^(.+)\.(min|max|last|n)$/;

/** A metric's last value, or the one that the end of the column's name asks for. */
function metricCell(run: Run, key: string): ReactNode {
  const whole = run.metrics[key];
  if (whole) return <Figure value={whole.last} special={whole.last_special} />;
  const [, name, stat] = STAT.exec(key) ?? [];
  const metric = name === undefined ? undefined : run.metrics[name];
  return metric ? <Figure value={metric[stat as "min" | "max" | "last" | "n"]} /> : "–";
}

const paramCell = (text: string): ReactNode => <span className={figureClass(text)} title={text}>{text}</span>;

function keyed(id: string, sample: Run[]): Column | undefined {
  const dot = id.indexOf(".");
  const [space, key] = [id.slice(0, dot), id.slice(dot + 1)];
  const base = { id, label: key, width: widthOf(key), sortable: true, numeric: true };
  if (space === "metrics") return { ...base, fits: true, cell: (run) => metricCell(run, key) };
  if (space === "params") return { ...base, numeric: sample.some((run) => typeof run.params[key] === "number"), fits: true, cell: (run) => paramCell(formatValue(run.params[key])) };
  return space === "tags" ? { ...base, numeric: false, fits: true, cell: (run) => <Name>{run.tags[key] ?? "–"}</Name> } : undefined;
}

/** A column by its id: a field of the run, or `metrics.…`, `params.…`, `tags.…`. */
export const columnOf = (id: string, sample: Run[] = []): Column | undefined => FIXED.find((column) => column.id === id) ?? keyed(id, sample);

/** Ids of all columns that can be chosen. */
export function allColumns(keys: { params: string[]; metrics: string[]; tags: string[] }): string[] {
  const of = (space: "metrics" | "params" | "tags") => keys[space].map((key) => `${space}.${key}`);
  return [...FIXED.map((column) => column.id), ...of("metrics"), ...of("params"), ...of("tags")];
}
