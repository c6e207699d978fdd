import { type QueryClient, useMutation, useQueryClient } from "@tanstack/react-query";
import { api } from "@/api/client";
import type { ReviewDetail } from "@/api/types";

interface Context {
  signal: AbortSignal;
}

export type ReviewState = ReviewDetail["review"]["state"];
export type Remark = ReviewDetail["comments"][number];

/** Reviews in one state, all, or those that wait for the reader. */
export const reviewsQuery = (state: ReviewState | "" | "waiting") => ({
  queryKey: ["reviews", state],
  queryFn: ({ signal }: Context) =>
    api.get("/api/v1/reviews", { query: state === "waiting" ? { waiting: true, limit: 500 } : { state: state || undefined, limit: 500 }, signal }),
});

/** A review with its evidence. */
export const reviewQuery = (id: string) => ({
  queryKey: ["review", id],
  queryFn: ({ signal }: Context) => api.get("/api/v1/reviews/{review_id}", { path: { review_id: id }, signal }),
});

/** Two runs side by side, the one that is compared with first. */
export const comparisonQuery = (base: string, run: string) => ({
  queryKey: ["comparison", base, run],
  queryFn: ({ signal }: Context) => api.get("/api/v1/comparisons", { query: { run_ids: [base, run] }, signal }),
  enabled: base !== "" && base !== run,
});

/** A run against the project's baseline, with intervals. */
export const deltasQuery = (run: string) => ({
  queryKey: ["run", run, "deltas"],
  queryFn: ({ signal }: Context) => api.get("/api/v1/runs/{run_id}/deltas", { path: { run_id: run }, signal }),
});

function remember(client: QueryClient, detail: ReviewDetail): void {
  client.setQueryData(["review", detail.review.id], detail);
  for (const key of ["reviews", "runs", "run", "inbox"]) void client.invalidateQueries({ queryKey: [key] });
}

export type Act =
  | { kind: "comment"; body: string; anchor?: string; thread?: number }
  | { kind: "resolve"; thread: number; resolved: boolean }
  | { kind: "approve"; comment: string }
  | { kind: "request_changes"; comment: string }
  | { kind: "checks" }
  | { kind: "open" }
  | { kind: "apply" }
  | { kind: "waive"; check: string; reason: string }
  | { kind: "override"; reason: string }
  | { kind: "reject"; reason: string }
  | { kind: "withdraw"; reason: string };

function perform({ review }: ReviewDetail, act: Act): Promise<ReviewDetail> {
  const path = { review_id: review.id };
  const { revision } = review;
  switch (act.kind) {
    case "comment":
      return api.post("/api/v1/reviews/{review_id}/comments", { path, body: { body: act.body, anchor: act.anchor ?? "", thread: act.thread ?? 0 } });
    case "resolve":
      return api.put("/api/v1/reviews/{review_id}/threads/{thread}", { path: { ...path, thread: act.thread }, body: { resolved: act.resolved } });
    case "approve":
      return api.post("/api/v1/reviews/{review_id}/approve", { path, body: { revision, comment: act.comment } });
    case "request_changes":
      return api.post("/api/v1/reviews/{review_id}/request-changes", { path, body: { revision, comment: act.comment } });
    case "checks":
      return api.post("/api/v1/reviews/{review_id}/checks", { path });
    case "open":
      return api.post("/api/v1/reviews/{review_id}/open", { path });
    case "apply":
      return api.post("/api/v1/reviews/{review_id}/apply", { path });
    case "waive":
      return api.post("/api/v1/reviews/{review_id}/waivers", { path, body: { check: act.check, reason: act.reason, revision } });
    case "override":
      return api.post("/api/v1/reviews/{review_id}/override", { path, body: { reason: act.reason } });
    case "reject":
      return api.post("/api/v1/reviews/{review_id}/reject", { path, body: { reason: act.reason } });
    case "withdraw":
      return api.post("/api/v1/reviews/{review_id}/withdraw", { path, body: { reason: act.reason } });
  }
}

/** One thing that somebody does with a review; the answer is the review as it is then. */
export function useAct(detail: ReviewDetail) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (act: Act) => perform(detail, act),
    onSuccess: (changed) => remember(client, changed),
  });
}

/** Notes what the reader has seen, so that the next look begins with what is new. */
export const markSeen = ({ review, comments }: ReviewDetail) =>
  api.put("/api/v1/reviews/{review_id}/seen", { path: { review_id: review.id }, body: { revision: review.revision, remark: comments.at(-1)?.id ?? 0 } });
