import { describe, expect, it } from "vitest";
import { looksOf, lookOf } from "./colors";
import { moved, zoomed } from "./pan";
import { at, extentX, extentY, nearest, prepare, visible } from "./prepare";
import { smooth } from "./smooth";
import type { Line } from "./types";

const line = (id: string, steps: number[], values: number[], times = steps): Line => ({
  id, label: id, color: 0, dash: 0, steps: Float64Array.from(steps), times: Float64Array.from(times), values: Float64Array.from(values),
});
const ready = (...lines: Line[]) => prepare(lines, {});

describe("smooth", () => {
  it("leaves values alone at weight 0", () => expect([...smooth(Float64Array.of(1, 2, NaN), 0)]).toEqual([1, 2, NaN]));
  it("starts at the first value and keeps gaps", () => {
    const [first, gap, last] = smooth(Float64Array.of(4, NaN, 8), 0.5);
    expect(first).toBe(4);
    expect(gap).toBeNaN();
    expect(last).toBeCloseTo((4 * 0.25 + 8 * 0.5) / 0.75);
  });
  it("leaves a constant as it is", () => expect(smooth(Float64Array.of(3, 3, 3), 0.9).every((v) => Math.abs(v - 3) < 1e-12)).toBe(true));
});

describe("prepare", () => {
  it("counts steps, seconds since the line's own start, or the time of day", () => {
    const one = line("a", [0, 5], [1, 2], [100, 130]);
    expect([...(prepare([one], { axis: "step" })[0]?.x ?? [])]).toEqual([0, 5]);
    expect([...(prepare([one], { axis: "relative" })[0]?.x ?? [])]).toEqual([0, 30]);
    expect([...(prepare([one], { axis: "wall" })[0]?.x ?? [])]).toEqual([100, 130]);
  });
  it("draws what is in view and one point on either side", () => {
    const [one] = ready(line("a", [0, 1, 2, 3, 4, 5], [0, 0, 0, 0, 0, 0]));
    expect(one && visible(one, [2, 3])).toEqual([1, 4]);
  });
  it("fits the axes to what they can show", () => {
    const all = ready(line("a", [0, 1, 2], [NaN, -1, 10]));
    expect(extentX(all)).toEqual([0, 2]);
    expect(extentX(all, true)).toEqual([1, 2]);
    expect(extentY(all, [0, 2]).map((edge) => edge.toFixed(3))).toEqual(["-1.660", "10.660"]);
    expect(extentY(all, [0, 2], true)[0]).toBeGreaterThan(0);
    expect(extentY(ready(), [0, 1])).toEqual([0, 1]);
  });
  it("finds the value at a place, and the nearest line", () => {
    const all = ready(line("low", [0, 10], [1, 1]), line("high", [0, 10], [5, 5]));
    expect(all[0] && at(all[0], 9.5)).toBe(0);
    expect(all[0] && at(all[0], null)).toBe(1);
    expect(nearest(all, 5, 4, (value) => value)?.line.id).toBe("high");
  });
});

describe("pan and zoom", () => {
  it("moves by a part of the view, also on a logarithmic axis", () => {
    expect(moved([0, 10], 0.5, false)).toEqual([5, 15]);
    expect(moved([1, 100], 0.5, true).map(Math.round)).toEqual([10, 1000]);
  });
  it("keeps the place under the pointer", () => {
    expect(zoomed([0, 10], 0.5, 0.5, false)).toEqual([2.5, 7.5]);
    expect(zoomed([1, 100], 0.5, 0, true)[0]).toBeCloseTo(1);
  });
});

describe("looksOf", () => {
  it("gives up to eight runs eight colours and keeps them in other pictures", () => {
    const ids = Array.from({ length: 8 }, (_, i) => `a${i}`);
    const looks = looksOf(ids);
    expect(new Set([...looks.values()].map((look) => look.color)).size).toBe(8);
    expect(looksOf(["a5"]).get("a5")?.color).toBe(looks.get("a5")?.color);
    expect(lookOf("a5").color).toBe(looks.get("a5")?.color);
  });
  it("tells runs of one colour apart by dashes", () => {
    const looks = [...looksOf(Array.from({ length: 20 }, (_, i) => `b${i}`)).values()];
    expect(new Set(looks.map((look) => `${look.color} ${look.dash}`)).size).toBe(20);
  });
});
