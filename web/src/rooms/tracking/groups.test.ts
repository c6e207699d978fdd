import { describe, expect, it } from "vitest";
import type { RunGroup, RunGroups } from "@/api/types";
import { reordered } from "./ColumnChooser";
import { completionOf } from "./completion";
import { domainOf, groupRecipe, groupSort, plusMinus, valueOf, verdictOf } from "./groups";

const KEYS = { params: ["lr", "odd key"], metrics: ["loss", "val/loss"], tags: ["team"] };
const offered = (text: string, caret = text.length) => completionOf(text, caret, KEYS).options;

describe("completion", () => {
  it("offers existing keys where a condition begins, the nearest first", () => {
    expect(offered("loss")).toEqual(["metrics.loss", "metrics.val/loss"]);
    expect(offered("params.")).toEqual(["params.lr", "params.`odd key`"]);
    expect(offered("")).toContain("metrics.loss");
  });
  it("offers comparisons behind a field, states behind status, and words that join behind a value", () => {
    expect(offered("metrics.loss ")).toContain("<=");
    expect(offered("status = ")).toContain('"failed"');
    expect(offered("metrics.loss < 0.3 ")).toEqual(["and", "or", "order by"]);
    expect(offered("created_at > -7d ")).toEqual(["and", "or", "order by"]);
    expect(offered('tags.team = "vis')).toEqual([]);
  });
  it("replaces the word at the caret and nothing behind it", () => {
    expect(completionOf("los < 1 and x", 3, KEYS)).toMatchObject({ start: 0, end: 3 });
  });
});

describe("groups", () => {
  it("draws intervals on a scale that one of two runs does not take for itself", () => {
    const of = (mean: number, half: number) => ({ metrics: [{ key: "metrics.loss", mean, low: mean - half, high: mean + half }] }) as unknown as RunGroup;
    expect(domainOf([of(3, 0.5), of(4, 1), of(5, 0.5)], "metrics.loss")).toEqual([2.5, 5.5]);
    expect(domainOf([of(3, 0.25), of(4, 16), of(5, 0.25)], "metrics.loss")).toEqual([2.75, 5.25]);
    expect(domainOf([of(1, 0)], "metrics.loss")).toEqual([0, 2]);
  });
  it("writes a mean and its interval to the place that makes sense", () => {
    expect(plusMinus({ mean: 0.298873, high: 0.352188 })).toBe("0.299 ± 0.053");
    expect(plusMinus({ mean: 1234.5, high: 1300 })).toBe("1,235 ± 66");
    expect(plusMinus({ mean: 0.5, high: null })).toBe("0.5");
    expect(plusMinus({ mean: 3, high: 3 })).toBe("3 ± 0");
    expect(plusMinus({ mean: null, high: null })).toBe("–");
  });
  it("says values in words", () => {
    expect(valueOf({ lr: 0.1, depth: null })).toBe("lr 0.1 · depth none");
    expect([valueOf(null), valueOf(true), valueOf({})]).toEqual(["none", "true", "all the same"]);
  });
  it("says how a group stands to the reference", () => {
    const group = (verdict: string, p: number) => ({ is_reference: false, metrics: [{ key: "m", test: { verdict, p } }] }) as unknown as RunGroup;
    const found = { reference: "best" } as RunGroups;
    expect(verdictOf(found, group("not distinguishable", 0.4), "m")).toBe("not distinguishable");
    expect(verdictOf(found, group("higher", 0.0123), "m")).toBe("higher, p = 0.012");
    expect(verdictOf(found, { is_reference: true, metrics: [] } as unknown as RunGroup, "m")).toBe("best");
  });
  it("sorts by what groups have, and says the view as a command", () => {
    const grouping = { project: "p", where: "", sort: "-metrics.acc", by: ["params.lr"], metrics: ["metrics.acc"], against: "" };
    expect(groupSort({ ...grouping, sort: "-started_at" })).toBe("");
    expect(groupRecipe(grouping).cli).toBe("runward runs groups --by params.lr --project p --metrics metrics.acc --sort=-metrics.acc");
    expect(groupRecipe(grouping).python).toContain('group_runs(["params.lr"], project="p", metrics="metrics.acc", sort="-metrics.acc")');
  });
});

it("moves a column", () => {
  expect(reordered(["a", "b", "c"], 0, 1)).toEqual(["b", "a", "c"]);
  expect(reordered(["a", "b", "c"], 2, -1)).toEqual(["c", "a", "b"]);
});
