import { describe, expect, it } from "vitest";
import type { Comment } from "@/api/types";
import { mentionAt, withMention } from "@/ui/mentions";
import { aboutOf, isAbout, isEmpty, placeOf, threadsOf, wordsOf } from "./threads";

const said = (id: string, thread_id = id, more: Partial<Comment> = {}): Comment => ({
  id, thread_id, run_id: "r1", anchor: { kind: "run", key: "", step: null }, author: "ada", at: "2026-01-01T00:00:00Z", version: 1, body: "x", removed: false, edited_at: null, removed_by: "", resolved_at: null, resolved_by: "", ...more,
});

describe("threads", () => {
  it("gathers answers under the first comment", () => {
    const threads = threadsOf([said("a"), said("b"), said("c", "a")]);
    expect(threads.map(({ first, answers }) => [first.id, answers.map((one) => one.id)])).toEqual([["a", ["c"]], ["b", []]]);
  });
  it("knows a thread of which nothing is left", () => {
    expect(isEmpty({ first: said("a", "a", { removed: true }), answers: [] })).toBe(true);
    expect(isEmpty({ first: said("a", "a", { removed: true }), answers: [said("b", "a")] })).toBe(false);
  });
  it("takes a point for a part of its chart", () => {
    const about = { kind: "chart" as const, key: "loss" };
    expect(isAbout({ kind: "metric", key: "loss", step: 3 }, about)).toBe(true);
    expect(isAbout({ kind: "chart", key: "loss", step: null }, about)).toBe(true);
    expect(isAbout({ kind: "artifact", key: "loss", step: null }, about)).toBe(false);
  });
  it("leads to what it is about", () => {
    const point = said("a", "a", { anchor: { kind: "metric", key: "val/loss", step: 3 } });
    expect(placeOf(point)).toBe("/runs/r1/metrics?m=val%2Floss&about=chart%3Aval%2Floss&thread=a");
    expect(aboutOf(new URLSearchParams(placeOf(point).split("?")[1]))).toEqual({ kind: "chart", key: "val/loss" });
    expect(wordsOf(point.anchor)).toBe("val/loss at step 3");
    expect(placeOf(said("b"))).toBe("/runs/r1/discussion?thread=b");
    expect(aboutOf(new URLSearchParams("about=nonsense"))).toBeNull();
  });
});

describe("mentions", () => {
  it("sees a name after an @ that begins a word", () => {
    expect(mentionAt("ask @ad", 7)).toBe("ad");
    expect(mentionAt("@", 1)).toBe("");
    expect(mentionAt("mail a@b", 8)).toBeNull();
    expect(mentionAt("ask @ada now", 12)).toBeNull();
  });
  it("completes it where the caret is", () => expect(withMention("ask @ad today", 7, "ada")).toEqual(["ask @ada  today", 9]));
});
