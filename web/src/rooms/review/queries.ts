import { type QueryClient, useMutation, useQueryClient } from "@tanstack/react-query";
import { api } from "@/api/client";
import type { ReviewDetail } from "@/api/types";

interface Context {
  signal: AbortSignal;
}

export type ReviewState = ReviewDetail["review"]["state"];

/** Reviews in one state, or all. */
export const reviewsQuery = (state: ReviewState | "") => ({
  queryKey: ["reviews", state],
  queryFn: ({ signal }: Context) => api.get("/api/v1/reviews", { query: { state: state || undefined, limit: 500 }, signal }),
});

/** A review with its evidence. */
export const reviewQuery = (id: string) => ({
  queryKey: ["review", id],
  queryFn: ({ signal }: Context) => api.get("/api/v1/reviews/{review_id}", { path: { review_id: id }, signal }),
});

function remember(client: QueryClient, detail: ReviewDetail): void {
  client.setQueryData(["review", detail.review.id], detail);
  for (const key of ["reviews", "runs", "run", "inbox"]) void client.invalidateQueries({ queryKey: [key] });
}

export type Act =
  | { kind: "comment"; body: string; anchor: string }
  | { kind: "approve"; comment: string }
  | { kind: "request_changes"; comment: string }
  | { kind: "checks" }
  | { kind: "withdraw"; reason: string };

function perform({ review }: ReviewDetail, act: Act): Promise<ReviewDetail> {
  const path = { review_id: review.id };
  const { revision } = review;
  switch (act.kind) {
    case "comment":
      return api.post("/api/v1/reviews/{review_id}/comments", { path, body: { body: act.body, anchor: act.anchor } });
    case "approve":
      return api.post("/api/v1/reviews/{review_id}/approve", { path, body: { revision, comment: act.comment } });
    case "request_changes":
      return api.post("/api/v1/reviews/{review_id}/request-changes", { path, body: { revision, comment: act.comment } });
    case "checks":
      return api.post("/api/v1/reviews/{review_id}/checks", { path });
    case "withdraw":
      return api.post("/api/v1/reviews/{review_id}/withdraw", { path, body: { reason: act.reason } });
  }
}

/** What can be done to a review. A vote names the revision that the reader saw, so it never lands on another one. */
export function useAct(detail: ReviewDetail) {
  const client = useQueryClient();
  return useMutation({ mutationFn: (act: Act) => perform(detail, act), onSuccess: (next) => remember(client, next) });
}
