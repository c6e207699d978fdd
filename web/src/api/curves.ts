import { api } from "./client";

/** One series for a chart: points in order of step; NaN and infinities as they were logged. */
export interface Curve {
  steps: Float64Array;
  /** Seconds since 1970. */
  times: Float64Array;
  values: Float64Array;
  /** Points stored in all. */
  total: number;
}

/** Run id -> metric -> curve. */
export type Curves = Map<string, Map<string, Curve>>;

interface Kept {
  revision: number;
  curves: Map<string, Curve>;
}

const RUNS_A_REQUEST = 100;
const MOST_KEPT = 6000;
const revisions = new Map<string, number>();
const kept = new Map<string, Kept>();

/** Notes that a run has new points: its curves are asked for again, those of others are not. */
export const noteNewPoints = (runId: string): void => void revisions.set(runId, (revisions.get(runId) ?? 0) + 1);

/** Forgets all curves: after a lost connection nobody knows which runs went on. */
export const forgetCurves = (): void => kept.clear();

/** Little-endian columns from base64, as the server packs them. */
export function bytesOf(base64: string): ArrayBuffer {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i += 1) bytes[i] = text.charCodeAt(i);
  return bytes.buffer;
}

async function fetchPart(ids: string[], keys: string[], width: number, signal: AbortSignal): Promise<[string, Map<string, Curve>][]> {
  const answer = await api.get("/api/v1/curves", { query: { run_ids: ids, keys, width }, signal });
  return answer.map((run) => [
    run.run_id,
    new Map(run.points.map((points, i) => [points.key, {
      steps: Float64Array.from(new BigInt64Array(bytesOf(points.steps)), Number),
      times: new Float64Array(bytesOf(points.times)),
      values: new Float64Array(bytesOf(points.values)),
      total: run.totals[i] ?? 0,
    }])),
  ]);
}

const chunks = (ids: string[]): string[][] => Array.from({ length: Math.ceil(ids.length / RUNS_A_REQUEST) }, (_, i) => ids.slice(i * RUNS_A_REQUEST, (i + 1) * RUNS_A_REQUEST));

/** The curves of many runs: one request for each hundred runs, and none for what is known and did not change. */
async function fetchCurves(ids: string[], keys: string[], width: number, signal: AbortSignal): Promise<Curves> {
  const name = (id: string) => JSON.stringify([id, keys, width]);
  const now = new Map(ids.map((id) => [id, revisions.get(id) ?? 0]));
  const missing = ids.filter((id) => kept.get(name(id))?.revision !== now.get(id));
  if (kept.size > MOST_KEPT) kept.clear();
  const found = new Map((await Promise.all(chunks(missing).map((part) => fetchPart(part, keys, width, signal)))).flat());
  for (const [id, curves] of found) kept.set(name(id), { revision: now.get(id) ?? 0, curves });
  return new Map(ids.map((id) => [id, found.get(id) ?? kept.get(name(id))?.curves ?? new Map<string, Curve>()]));
}

/** Curves of runs for a chart of `width` pixels. */
export const curvesQuery = (ids: string[], keys: string[], width: number) => ({
  queryKey: ["curves", ids, keys, width],
  queryFn: ({ signal }: { signal: AbortSignal }) => fetchCurves(ids, keys, width, signal),
  enabled: ids.length > 0 && keys.length > 0,
  structuralSharing: false as const,
});
