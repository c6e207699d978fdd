import { useQuery } from "@tanstack/react-query";
import { ApiError, send } from "@/api/client";
import type { RunDetail } from "@/api/types";

export interface CodeCapture {
  kind: string;
  root: string;
  commit: string;
  branch: string;
  remote: string;
  dirty: boolean;
  changed: string[];
  untracked: string[];
  deleted: string[];
  files: { path: string; size: number; mode: string; digest: string; masked?: number }[];
  left_out: { path: string; reason: string; size: number }[];
  problems: string[];
}

export interface EnvironmentCapture {
  python: string;
  implementation: string;
  platform: string;
  libc: string;
  packages: { name: string; version: string; source: string; installer: string }[];
  variables: Record<string, string>;
}

export interface MachineCapture {
  hostname: string;
  os: string;
  kernel: string;
  architecture: string;
  cpu: string;
  usable_cpus: number;
  cpus: number;
  memory_bytes: number;
  gpus: { name: string; memory_bytes: number; driver: string }[];
  threads: Record<string, number>;
}

export interface ProcessCapture {
  argv: string[];
  cwd: string;
  entry: string;
}

export type FileReadCapture = { path: string; relative: string; size: number; digest: string; changed: boolean };

/** The lock of what was installed, as it was stored with the run. */
export interface PylockCapture {
  text: string;
  packages: number;
  left_out: Record<string, string>;
}

interface Kinds {
  code: CodeCapture;
  environment: EnvironmentCapture;
  machine: MachineCapture;
  process: ProcessCapture;
  pylock: PylockCapture;
  reads: FileReadCapture[];
}

/** The document that was captured of one kind; null where nothing was. Its fields may be missing in old captures. */
export function useCapture<K extends keyof Kinds>(detail: RunDetail, kind: K) {
  const part = detail.captures.find((capture) => capture.kind === kind);
  return useQuery({
    queryKey: ["capture", detail.run.id, kind, part?.digest ?? ""],
    queryFn: async ({ signal }): Promise<Partial<Kinds[K]> | null> => {
      if (!part) return null;
      try {
        const response = await send("GET", "/api/v1/runs/{run_id}/captures/{kind}", { path: { run_id: detail.run.id, kind }, signal });
        return (await response.json()) as Partial<Kinds[K]>;
      } catch (error) {
        if (error instanceof ApiError && error.status === 404) return null;
        throw error;
      }
    },
    staleTime: Infinity,
  });
}
