import { keepPreviousData } from "@tanstack/react-query";
import { api } from "./client";

interface Context {
  signal: AbortSignal;
}

export interface VerificationFilter {
  project?: string;
  run_id?: string;
  verdict?: string;
  level?: string;
}

const PAGE = 50;

/** Verifications, newest first, a page at a time. */
export const verificationPages = (filter: VerificationFilter) => ({
  queryKey: ["verifications", filter],
  queryFn: ({ pageParam, signal }: Context & { pageParam: string }) => api.get("/api/v1/verifications", { query: { ...filter, before: pageParam, limit: PAGE }, signal }),
  initialPageParam: "",
  getNextPageParam: (page: { id: string }[]) => (page.length < PAGE ? undefined : page[page.length - 1]?.id),
  placeholderData: keepPreviousData,
});

/** The newest verifications of a run. */
export const runVerificationsQuery = (runId: string, limit = 5) => ({
  queryKey: ["verifications", { run_id: runId }, limit],
  queryFn: ({ signal }: Context) => api.get("/api/v1/verifications", { query: { run_id: runId, limit }, signal }),
});

/** A verification with its report and certificate. */
export const verificationQuery = (id: string) => ({
  queryKey: ["verification", id],
  queryFn: ({ signal }: Context) => api.get("/api/v1/verifications/{verification_id}", { path: { verification_id: id }, signal }),
});

/** How much was attempted at each level, and how much of that held. */
export const ratesQuery = (project: string) => ({
  queryKey: ["verifications", "rates", project],
  queryFn: ({ signal }: Context) => api.get("/api/v1/verification-rates", { query: { project }, signal }),
  placeholderData: keepPreviousData,
});

/** Verifications that wait or run: of a run, of a project, or all. */
export const openJobsQuery = (filter: { project?: string; run_id?: string }) => ({
  queryKey: ["verifications", "jobs", filter],
  queryFn: ({ signal }: Context) => api.get("/api/v1/verification-jobs", { query: { ...filter, state: "open", limit: 200 }, signal }),
});

/** Explanations that speak of a run. */
export const explanationsQuery = (runId: string) => ({
  queryKey: ["explanations", runId],
  queryFn: ({ signal }: Context) => api.get("/api/v1/runs/{run_id}/explanations", { path: { run_id: runId }, signal }),
});

/** An explanation with its reruns. */
export const explanationQuery = (id: string) => ({
  queryKey: ["explanation", id],
  queryFn: ({ signal }: Context) => api.get("/api/v1/explanations/{explanation_id}", { path: { explanation_id: id }, signal }),
});

/** Runs that differ from one in nothing but the seed. */
export const replicatesQuery = (runId: string) => ({
  queryKey: ["run", runId, "replicates"],
  queryFn: ({ signal }: Context) => api.get("/api/v1/runs/{run_id}/replicates", { path: { run_id: runId }, signal }),
  staleTime: 30_000,
});
