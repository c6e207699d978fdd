import { api } from "@/api/client";

interface Context {
  signal: AbortSignal;
}

/** Verifications, newest first; of one run, of one project or of all. */
export const verificationsQuery = (project: string, runId: string) => ({
  queryKey: ["verifications", project, runId],
  queryFn: ({ signal }: Context) => api.get("/api/v1/verifications", { query: { project, run_id: runId, limit: 500 }, signal }),
});

/** A verification with its report and certificate. */
export const verificationQuery = (id: string) => ({
  queryKey: ["verification", id],
  queryFn: ({ signal }: Context) => api.get("/api/v1/verifications/{verification_id}", { path: { verification_id: id }, signal }),
});
