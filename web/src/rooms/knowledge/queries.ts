import { api } from "@/api/client";

/** One page of the team’s knowledge in its newest version. */
export const pageQuery = (id: string) => ({
  queryKey: ["page", id],
  queryFn: ({ signal }: { signal: AbortSignal }) => api.get("/api/v1/pages/{page_id}", { path: { page_id: id }, signal }),
});
