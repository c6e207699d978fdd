import { api } from "@/api/client";

/** A file of a run's captured code; it never changes. */
export const codeFileQuery = (run: string, path: string) => ({
  queryKey: ["code-file", run, path],
  queryFn: ({ signal }: { signal: AbortSignal }) => api.get("/api/v1/runs/{run_id}/code-file", { path: { run_id: run }, query: { path }, signal }),
  staleTime: Infinity,
});
