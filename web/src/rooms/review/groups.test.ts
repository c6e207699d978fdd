import { describe, expect, it } from "vitest";
import { differing, meanAndSpread } from "./groups";

describe("differing", () => {
  it("names what is not the same in all runs, also where one lacks it", () => {
    expect(differing([{ params: { lr: 0.1, depth: 2 } }, { params: { lr: 0.1, depth: 3, drop: 0.5 } }])).toEqual(["depth", "drop"]);
  });
});

describe("meanAndSpread", () => {
  it("is the sample's", () => expect(meanAndSpread([1, 2, 3])).toEqual({ mean: 2, spread: 1 }));
  it("says nothing of one run, and nothing where a run has no number", () => {
    expect(meanAndSpread([1])).toBeUndefined();
    expect(meanAndSpread([1, 2, null])).toBeUndefined();
  });
});
