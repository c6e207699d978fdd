import type { VerificationDetail } from "@/api/types";

export interface InputCheck {
  kind: string;
  name: string;
  status: "same" | "different" | "unchecked";
  before: string | null;
  after: string | null;
}

export interface Outcome {
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

interface RawReport {
  inputs?: InputCheck[];
  cause?: string[];
  unchecked?: string[];
  conditions?: Record<string, unknown>;
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
    item ? [{ what, status: item.status, detail: item.detail ?? "" }] : [];
  return [
    ...(result?.metrics ?? []).map((metric) => ({ what: metric.name, status: metric.status, detail: metricDetail(metric) })),
    ...(result?.artifacts ?? []).map((file) => ({ what: file.name, status: file.status, detail: file.detail ?? "" })),
    ...single("printed output", result?.stdout),
    ...single("exit code", result?.exit_code),
  ];
}

/** Inputs that differ first, then what was not checked, then what is the same; by kind. */
export function sortedInputs(inputs: InputCheck[]): InputCheck[] {
  const rank = { different: 0, unchecked: 1, same: 2 };
  return [...inputs].sort((a, b) => rank[a.status] - rank[b.status] || a.kind.localeCompare(b.kind) || a.name.localeCompare(b.name));
}
