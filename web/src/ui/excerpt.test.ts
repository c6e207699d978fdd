import { describe, expect, it } from "vitest";
import { parseDiff } from "./diffLines";
import { excerpt } from "./excerpt";

const TEXT = Array.from({ length: 30 }, (_, i) => `line ${i + 1}`).join("\n") + "\n";
const shown = (focus: number[]) => parseDiff(excerpt(TEXT, focus)).map((line) => line.after ?? "@");

describe("excerpt", () => {
  it("shows what is around a line, under its own number", () => expect(shown([10])).toEqual(["@", 7, 8, 9, 10, 11, 12, 13]));
  it("joins what touches, and ends where the text does", () => expect(shown([29, 2, 8])).toEqual(["@", 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, "@", 26, 27, 28, 29, 30]));
  it("is the whole text without a line, or with one that is not there", () => {
    expect(shown([])).toHaveLength(31);
    expect(shown([99])).toHaveLength(31);
  });
});
