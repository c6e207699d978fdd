import { describe, expect, it } from "vitest";
import { looksOf } from "./colors";
import { positive, smooth } from "./smooth";

describe("smooth", () => {
  it("leaves values alone at weight 0", () => expect(smooth([1, 2, null], 0)).toEqual([1, 2, null]));
  it("starts at the first value and keeps gaps", () => {
    const [first, gap, last] = smooth([4, null, 8], 0.5);
    expect(first).toBe(4);
    expect(gap).toBeNull();
    expect(last).toBeCloseTo((4 * 0.25 + 8 * 0.5) / 0.75);
  });
  it("leaves a constant as it is", () => expect(smooth([3, 3, 3], 0.9).every((v) => Math.abs((v ?? 0) - 3) < 1e-12)).toBe(true));
  it("drops what a logarithmic axis cannot show", () => expect(positive([1, 0, -2, null])).toEqual([1, null, null, null]));
});

describe("looksOf", () => {
  it("gives up to eight runs eight colours and keeps them in other pictures", () => {
    const ids = Array.from({ length: 8 }, (_, i) => `a${i}`);
    const looks = looksOf(ids);
    expect(new Set([...looks.values()].map((look) => look.color)).size).toBe(8);
    expect(looksOf(["a5"]).get("a5")?.color).toBe(looks.get("a5")?.color);
  });
  it("tells runs of one colour apart by dashes", () => {
    const looks = [...looksOf(Array.from({ length: 20 }, (_, i) => `b${i}`)).values()];
    expect(new Set(looks.map((look) => `${look.color} ${look.dash}`)).size).toBe(20);
  });
});
