import { expect, it } from "vitest";
import type { ReviewDetail } from "@/api/types";
import { newsOf, openRemarks, placesIn, standsAt, threadsOf } from "./talk";

type Remark = ReviewDetail["comments"][number];
const remark = (id: number, more: Partial<Remark> = {}): Remark => ({ id, author: "ben", at: "2026-01-01T00:00:00Z", body: "b", anchor: "", thread: 0, place: "", line: 0, excerpt: [], suggestion: null, resolved_by: "", resolved_at: null, ...more });

it("puts answers to their thread and tells threads from what was said in the open", () => {
  const all = [remark(1, { anchor: "t.py:3" }), remark(2), remark(3, { thread: 1 })];
  expect(threadsOf(all).map(({ first, answers }) => [first.id, answers.map((one) => one.id)])).toEqual([[1, [3]]]);
  expect(openRemarks(all).map((one) => one.id)).toEqual([2]);
});

it("stands a thread below its last line, wherever that is now", () => {
  expect(standsAt(remark(1, { anchor: "a/t.py:4-5", place: "moved", line: 8, excerpt: ["x", "y"] }))).toBe("a/t.py:9");
  expect(standsAt(remark(1, { anchor: "nb.ipynb#3", place: "here", line: 2 }))).toBe("nb.ipynb#2");
  expect(standsAt(remark(1, { anchor: "metrics.a@b@10", place: "here" }))).toBe("metrics.a@b");
  expect(standsAt(remark(1, { anchor: "t.py:4", place: "outdated" }))).toBe("");
});

it("knows the places of a diff", () => {
  expect([...placesIn([{ path: "t.py", change: "modified", diff: "@@ -1 +1 @@\n-a\n+b\n" }])]).toEqual(["t.py:1"]);
});

it("says what is new since the last look, and nothing of one's own", () => {
  const revision = (digest: string, acc: number, changed: string[], run_id = "r1") => ({ digest, run_id, version: 0, commit: "", metrics: { acc }, changed, by: "ana", at: "" });
  const review = { revision: "d3", run_id: "r2" } as ReviewDetail["review"];
  const detail = { review, seen: { digest: "d1", run_id: "r1", remark: 1, at: "" }, comments: [remark(1), remark(2), remark(3, { author: "me" })], revisions: [revision("d3", 0.9, ["code"], "r2"), revision("d2", 0.9, ["metrics"]), revision("d1", 0.8, [])] };
  expect(newsOf(detail, "me")).toEqual({ parts: ["code", "metrics"], metrics: [{ key: "acc", then: 0.8, now: 0.9 }], remarks: [remark(2)], run: "r1" });
  expect(newsOf({ ...detail, seen: { ...detail.seen, digest: "d3", remark: 9 } }, "me")).toEqual({ parts: [], metrics: [], remarks: [], run: "" });
});
