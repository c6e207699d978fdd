import type { VerificationDetail } from "@/api/types";

export type CheckStatus = "same" | "different" | "unchecked";

export interface InputCheck {
  kind: string;
  name: string;
  status: CheckStatus;
  before: string | null;
  after: string | null;
}

export interface Outcome {
  kind: string;
  what: string;
  status: string;
  detail: string;
}

interface RawMetric {
  name: string;
  status: string;
  points?: number;
  max_difference?: number | null;
  first_step?: number | null;
  detail?: string;
}

export interface Sample {
  run: string;
  seed: number | null;
  value: number | null;
}

export interface MetricEvidence {
  metric: string;
  margin: number;
  margin_from: "declared" | "default";
  declared_on: number;
  baseline: Sample[];
  candidate: Sample[];
  test_size?: number | null;
}

export interface Equivalence {
  outcome: "equivalent" | "different" | "undecided";
  method: string;
  alpha: number;
  looks: number[];
  n_baseline: number;
  n_candidate: number;
  difference: number | null;
  low: number | null;
  high: number | null;
  more?: number | null;
}

export interface Variation {
  name: string;
  variables?: Record<string, string>;
  status: string;
  used?: Record<string, string>;
  detail?: string;
}

export interface RawReport {
  inputs?: InputCheck[];
  cause?: string[];
  unchecked?: string[];
  conditions?: Record<string, unknown>;
  variation?: Variation | null;
  statistics?: { metrics?: MetricEvidence[]; found?: Equivalence[]; failed?: string[] } | null;
  result?: {
    status?: string;
    metrics?: RawMetric[];
    artifacts?: { name: string; status: string; detail?: string }[];
    stdout?: { status: string; detail?: string } | null;
    exit_code?: { status: string; detail?: string } | null;
  };
}

/** The report as stored. Old and foreign reports may lack parts, so each is optional. */
export const reportOf = (detail: VerificationDetail): RawReport => detail.report as RawReport;

function metricDetail(metric: RawMetric): string {
  const parts = [
    metric.points ? `${metric.points} points` : "",
    metric.max_difference ? `largest difference ${metric.max_difference.toPrecision(3)}` : "",
    metric.first_step === null || metric.first_step === undefined ? "" : `first at step ${metric.first_step}`,
    metric.detail ?? "",
  ];
  return parts.filter(Boolean).join(", ");
}

/** Every compared result on one line. */
export function outcomesOf({ result }: RawReport): Outcome[] {
  const single = (what: string, item?: { status: string; detail?: string } | null): Outcome[] =>
    item ? [{ kind: "output", what, status: item.status, detail: item.detail ?? "" }] : [];
  return [
    ...(result?.metrics ?? []).map((metric) => ({ kind: "metric", what: metric.name, status: metric.status, detail: metricDetail(metric) })),
    ...(result?.artifacts ?? []).map((file) => ({ kind: "artifact", what: file.name, status: file.status, detail: file.detail ?? "" })),
    ...single("printed output", result?.stdout),
    ...single("exit code", result?.exit_code),
  ];
}

const RANK: Record<CheckStatus, number> = { different: 0, unchecked: 1, same: 2 };

/** Inputs that differ first, then what was not checked, then what is the same; by kind. */
export function sortedInputs(inputs: InputCheck[]): InputCheck[] {
  return [...inputs].sort((a, b) => RANK[a.status] - RANK[b.status] || a.kind.localeCompare(b.kind) || a.name.localeCompare(b.name));
}

export interface KindRow {
  kind: string;
  counts: Record<CheckStatus, number>;
  inputs: InputCheck[];
}

const KINDS = ["code", "config", "data", "seed", "python", "package", "package_content", "library", "variable", "threads", "cpu_level", "machine"];

/** One row for each kind of input, in the order in which people ask for them. */
export function byKind(inputs: InputCheck[]): KindRow[] {
  const rows = new Map<string, KindRow>();
  for (const input of sortedInputs(inputs)) {
    const row = rows.get(input.kind) ?? { kind: input.kind, counts: { same: 0, different: 0, unchecked: 0 }, inputs: [] };
    if (input.status in row.counts) row.counts[input.status] += 1;
    row.inputs.push(input);
    rows.set(input.kind, row);
  }
  const place = (kind: string) => (KINDS.includes(kind) ? KINDS.indexOf(kind) : KINDS.length);
  return [...rows.values()].sort((a, b) => place(a.kind) - place(b.kind) || a.kind.localeCompare(b.kind));
}

export interface Statement {
  subject: { name: string; digest: Record<string, string> }[];
  predicate: Record<string, unknown>;
}

/** What a certificate says, out of its envelope; null where it cannot be read. */
export function statementOf(certificate: Record<string, unknown> | null): Statement | null {
  if (typeof certificate?.payload !== "string") return null;
  try {
    const bytes = Uint8Array.from(atob(certificate.payload), (char) => char.charCodeAt(0));
    const found = JSON.parse(new TextDecoder().decode(bytes)) as Partial<Statement>;
    return { subject: found.subject ?? [], predicate: found.predicate ?? {} };
  } catch {
    return null;
  }
}

/** The mean of what is there. */
export function meanOf(samples: Sample[]): number | null {
  const values = samples.flatMap((sample) => (sample.value === null ? [] : [sample.value]));
  return values.length ? values.reduce((sum, value) => sum + value, 0) / values.length : null;
}
