import { api } from "@/api/client";

interface Context {
  signal: AbortSignal;
}

/** What the reader's teams share. */
export const itemsQuery = () => ({
  queryKey: ["libraries"],
  queryFn: ({ signal }: Context) => api.get("/api/v1/libraries", { signal }),
});

/** One item, by name. */
export const itemQuery = (library: string) => ({
  queryKey: ["libraries", library],
  queryFn: ({ signal }: Context) => api.get("/api/v1/libraries/{library}", { path: { library }, signal }),
});

/** Its versions with their content, newest first. */
export const releasesQuery = (library: string) => ({
  queryKey: ["libraries", library, "releases"],
  queryFn: ({ signal }: Context) => api.get("/api/v1/libraries/{library}/releases", { path: { library }, signal }),
});

/** The runs that recorded a version. */
export const usesQuery = (library: string, version: string) => ({
  queryKey: ["libraries", library, "uses", version],
  queryFn: ({ signal }: Context) => api.get("/api/v1/libraries/{library}/uses", { path: { library }, query: { version }, signal }),
});

/** What differs between two versions, which never change. */
export const libraryChangesQuery = (library: string, before: string, after: string) => ({
  queryKey: ["libraries", library, "changes", before, after],
  queryFn: ({ signal }: Context) => api.get("/api/v1/libraries/{library}/changes", { path: { library }, query: { before, after }, signal }),
  staleTime: Infinity,
});
