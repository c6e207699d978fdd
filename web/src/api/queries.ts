import { keepPreviousData } from "@tanstack/react-query";
import { api } from "./client";

interface Context {
  signal: AbortSignal;
}

/** The projects that the reader may see. */
export const projectsQuery = () => ({
  queryKey: ["projects"],
  queryFn: ({ signal }: Context) => api.get("/api/v1/projects", { signal }),
});

/** Full-text search over everything. */
export const searchQuery = (query: string, limit = 30) => ({
  queryKey: ["search", query, limit],
  queryFn: ({ signal }: Context) => api.get("/api/v1/search", { query: { query, limit }, signal }),
  placeholderData: keepPreviousData,
});

/** Everything about a run but its series. */
export const runQuery = (id: string) => ({
  queryKey: ["run", id],
  queryFn: ({ signal }: Context) => api.get("/api/v1/runs/{run_id}", { path: { run_id: id }, signal }),
});
