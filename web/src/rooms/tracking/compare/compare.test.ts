import { describe, expect, it } from "vitest";
import type { Differences } from "@/api/types";
import { coloringOf } from "./coloring";
import { itemsOf } from "./differences";
import { axisFor, brushesOf, isInside, placeOf, spearman, ticksOf, valueAt } from "./scales";

const NONE = { rows: [], total: 0, differing: 0 };

describe("axes", () => {
  it("places numbers by size and names in order", () => {
    const axis = axisFor("params.lr", [1, 3, null, 2]);
    expect([1, 2, 3, null].map((value) => placeOf(axis, value))).toEqual([0, 0.5, 1, null]);
    const names = axisFor("params.`opt x`", ["sgd", "adam", true]);
    expect([names.label, names.names]).toEqual(["opt x", ["adam", "sgd", "true"]]);
    expect([placeOf(names, "adam"), placeOf(names, true), placeOf(names, null)]).toEqual([0, 1, null]);
  });
  it("is logarithmic where numbers span orders of magnitude, and has no place for what is not positive or not finite", () => {
    const axis = axisFor("metrics.x", [0.001, 1000, "NaN"]);
    expect(axis.log).toBe(true);
    expect(placeOf(axis, 1)).toBeCloseTo(0.5);
    expect(valueAt(axis, 0.5)).toBeCloseTo(1);
    expect(placeOf(axis, "NaN")).toBeNull();
    expect(axisFor("metrics.x", [0, 1000]).log).toBe(false);
  });
  it("has round ticks, and some room around a single value", () => {
    expect(ticksOf(axisFor("m", [0, 1])).map((tick) => tick.text)).toEqual(["0", "0.2", "0.4", "0.6", "0.8", "1"]);
    expect(placeOf(axisFor("m", [5, 5]), 5)).toBeGreaterThan(0);
  });
  it("keeps the runs inside of every range", () => {
    const axes = [axisFor("params.lr", [1, 2, 3, null])];
    const brushes = brushesOf(["params.lr:0..0.6", "nonsense", "x:5..1"]);
    expect([...brushes]).toEqual([["params.lr", [0, 0.6]]]);
    expect([0, 1, 2, 3].map((run) => isInside(axes, brushes, run))).toEqual([true, true, false, false]);
  });
});

it("ranks with ties, and says nothing of two points or a constant", () => {
  expect(spearman([[1, 1], [2, 4], [3, 9]])).toBeCloseTo(1);
  expect(spearman([[1, 3], [2, 2], [2, 2], [3, 1]])).toBeCloseTo(-1);
  expect(spearman([[1, 1], [2, 2]])).toBeNull();
  expect(spearman([[1, 1], [2, 1], [3, 1]])).toBeNull();
});

it("puts a heading before each kind and says how much is not shown", () => {
  const row = { key: "loss", values: [1, 2], differs: true, points: 0 };
  const found = { runs: [], metrics: { rows: [row], total: 9, differing: 5 }, params: NONE, tags: NONE, environment: NONE } as unknown as Differences;
  expect(itemsOf(found, false).map((item) => item.kind)).toEqual(["head", "row", "rest", "head", "head", "head"]);
  expect(itemsOf(found, false)[2]).toEqual({ kind: "rest", hidden: 4 });
  expect(itemsOf(found, true)[2]).toEqual({ kind: "rest", hidden: 8 });
});

describe("colours", () => {
  const ids = (values: unknown[]) => values.map((_, i) => `r${i}`);
  const of = (values: unknown[]) => coloringOf(axisFor("params.lr", values), ids(values));
  it("are one for each value, in the order of the values; what has none is told", () => {
    const found = of([10, 2, null, 2]);
    expect(found.shades).toEqual([{ color: 0, label: "2", runs: 2 }, { color: 1, label: "10", runs: 1 }, { color: 2, label: "no value", runs: 1 }]);
    expect(found.of.get("r0")).toEqual({ color: 1, said: "10" });
  });
  it("stand for parts of the order where numbers are many, and for the most frequent of many names", () => {
    const numbers = of(Array.from({ length: 20 }, (_, i) => i));
    expect(numbers.shades.map((shade) => shade.label)).toEqual(["0 – 2", "3 – 4", "5 – 7", "8 – 9", "10 – 12", "13 – 14", "15 – 17", "18 – 19"]);
    expect(numbers.shades.reduce((n, shade) => n + shade.runs, 0)).toBe(20);
    const some = of([null, ...Array.from({ length: 20 }, (_, i) => i)]);
    expect([some.shades.length, new Set(some.shades.map((shade) => shade.color)).size, some.shades.at(-1)?.label]).toEqual([8, 8, "no value"]);
    const names = of(["z", "z", ..."abcdefghi"]);
    expect(names.shades.at(-1)).toEqual({ color: 7, label: "3 others", runs: 3 });
    expect(names.shades.some((shade) => shade.label === "z" && shade.runs === 2)).toBe(true);
  });
});
