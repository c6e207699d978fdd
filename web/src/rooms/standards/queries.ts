import { api } from "@/api/client";
import type { StandardsVersion } from "@/api/types";

interface Context {
  signal: AbortSignal;
}

/** What is in force in a project, and who said each value. */
export const inForceQuery = (project: string) => ({
  queryKey: ["standards", project, "in-force"],
  queryFn: ({ signal }: Context) => api.get("/api/v1/projects/{project}/standards/in-force", { path: { project }, signal }),
});

/** What the project said itself, newest first. */
export const versionsQuery = (project: string) => ({
  queryKey: ["standards", project, "versions"],
  queryFn: ({ signal }: Context) => api.get("/api/v1/projects/{project}/standards/versions", { path: { project }, signal }),
});

/** What differs between two versions; 0 stands for none. */
export const changesQuery = (project: string, before: number, after: number) => ({
  queryKey: ["standards", project, "changes", before, after],
  queryFn: ({ signal }: Context) => api.get("/api/v1/projects/{project}/standards/changes", { path: { project }, query: { before, after }, signal }),
  staleTime: Infinity,
});

/** What the newest version says itself, without what it leaves to the projects above. */
export const ownFields = (newest: StandardsVersion | undefined): Record<string, unknown> => {
  const left = new Set(["inherits", ...(newest?.standards.inherits ?? [])]);
  return Object.fromEntries(Object.entries(newest?.standards ?? {}).filter(([field]) => !left.has(field)));
};
