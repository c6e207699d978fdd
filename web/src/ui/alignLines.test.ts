import { expect, it } from "vitest";
import { alignLines } from "./alignLines";

const pairs = (before: string, after: string) => alignLines(before, after).map((row) => [row.before, row.after, row.same]);

it("lets changed lines face each other and keeps what is the same together", () => {
  expect(pairs("a\nb\nc\n", "a\nx\nc\nd\n")).toEqual([["a", "a", true], ["b", "x", false], ["c", "c", true], [null, "d", false]]);
  expect(pairs("a\nb", "b")).toEqual([["a", null, false], ["b", "b", true]]);
});

it("stands empty and very long texts", () => {
  expect(pairs("", "")).toEqual([]);
  expect(pairs("", "new")).toEqual([[null, "new", false]]);
  expect(alignLines("x\n".repeat(5000), "y\n".repeat(4000))).toHaveLength(5000);
});
