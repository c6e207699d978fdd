import { describe, expect, it } from "vitest";
import { hasMarks, mergeList, mergeText, mergeValue } from "./merge";

describe("mergeText", () => {
  const base = "# Title\n\none\ntwo\nthree\n";
  it("brings changes in different places together", () => {
    const found = mergeText(base, base.replace("one", "ONE"), base.replace("three", "THREE\nfour"));
    expect(found).toEqual({ text: "# Title\n\nONE\ntwo\nTHREE\nfour\n", conflicts: 0 });
    expect(hasMarks(found.text)).toBe(false);
  });
  it("shows both where both changed the same lines", () => {
    const found = mergeText(base, base.replace("one", "mine"), base.replace("one", "hers"), "version 2 by ann");
    expect(found.text).toBe("# Title\n\n<<<<<<< yours\nmine\n=======\nhers\n>>>>>>> version 2 by ann\ntwo\nthree\n");
    expect([found.conflicts, hasMarks(found.text)]).toEqual([1, true]);
  });
  it("takes what only one changed, and what both changed alike", () => {
    expect(mergeText("a", "b", "a")).toEqual({ text: "b", conflicts: 0 });
    expect(mergeText("a", "a", "b")).toEqual({ text: "b", conflicts: 0 });
    expect(mergeText("a\nb", "c\nb", "c\nb")).toEqual({ text: "c\nb", conflicts: 0 });
  });
});

describe("mergeValue", () => {
  it("keeps mine unless only they changed it", () => {
    expect(mergeValue(1, 1, 2)).toEqual({ value: 2, both: false });
    expect(mergeValue(1, 2, 1)).toEqual({ value: 2, both: false });
    expect(mergeValue({ a: 1 }, { a: 2 }, { a: 3 })).toEqual({ value: { a: 2 }, both: true });
    expect(mergeValue(1, 2, 2)).toEqual({ value: 2, both: false });
  });
});

describe("mergeList", () => {
  it("takes what each added, changed and removed", () => {
    expect(mergeList(["a", "b", "c"], ["a", "b", "c", "mine"], ["b", "C"])).toEqual({ list: ["b", "c", "mine", "C"], conflicts: 1 });
    expect(mergeList(["a", "b", "c", "d"], ["A", "b", "c", "d"], ["a", "b", "c", "D"])).toEqual({ list: ["A", "b", "c", "D"], conflicts: 0 });
  });
});
