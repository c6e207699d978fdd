import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api } from "@/api/client";
import type { Anchor } from "@/api/types";

const keyOf = (run: string) => ["run", run, "comments"];

/** The comments on a run, oldest first. */
export const useComments = (run: string) =>
  useQuery({ queryKey: keyOf(run), queryFn: ({ signal }) => api.get("/api/v1/runs/{run_id}/comments", { path: { run_id: run }, signal }) });

/** A comment as it was, version by version. */
export const useVersions = (id: string, version: number, wanted: boolean) =>
  useQuery({
    queryKey: ["versions", id, version],
    queryFn: ({ signal }) => api.get("/api/v1/comments/{comment_id}/versions", { path: { comment_id: id }, signal }),
    enabled: wanted,
  });

function useChange<T>(run: string, mutationFn: (what: T) => Promise<unknown>) {
  const client = useQueryClient();
  return useMutation({ mutationFn, onSettled: () => client.invalidateQueries({ queryKey: keyOf(run) }) });
}

/** Begins a thread, or answers in one. */
export const useSay = (run: string) =>
  useChange(run, (said: { body: string; anchor?: Anchor; thread_id?: string }) => api.post("/api/v1/runs/{run_id}/comments", { path: { run_id: run }, body: said }));

/** Changes one's own comment. */
export const useEdit = (run: string) =>
  useChange(run, ({ id, ...body }: { id: string; body: string; version: number }) => api.put("/api/v1/comments/{comment_id}", { path: { comment_id: id }, body }));

/** Takes a comment's text away. */
export const useRemove = (run: string) =>
  useChange(run, (id: string) => api.delete("/api/v1/comments/{comment_id}", { path: { comment_id: id } }));

/** Settles a thread, or opens it again. */
export const useSettle = (run: string) =>
  useChange(run, ({ id, resolved }: { id: string; resolved: boolean }) => api.put("/api/v1/comments/{comment_id}/resolution", { path: { comment_id: id }, body: { resolved } }));
