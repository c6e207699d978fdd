import { describe, expect, it } from "vitest";
import { begun, blank, mergeBlocks, moved } from "./blocks";

describe("begun", () => {
  it("is a text where nothing is chosen", () => expect(begun([], "", ["loss"]).blocks).toEqual([blank("text")]));
  it("shows the chosen runs", () => {
    const { blocks } = begun(["a", "b"], "x = 1", ["loss"]);
    expect(blocks.map((block) => [block.kind, block.run_ids, block.where, block.keys])).toEqual([
      ["text", [], "", []], ["runs", ["a", "b"], "", ["metrics.loss"]], ["curves", ["a", "b"], "", ["loss"]],
    ]);
  });
  it("keeps the condition, and asks for no curve without a metric", () => expect(begun([], "params.lr = 1", []).blocks.map((block) => block.where)).toEqual(["", "params.lr = 1"]));
});

describe("moved", () => {
  it("takes one place for another", () => expect(moved(["a", "b", "c"], 2, 0)).toEqual(["c", "a", "b"]));
});

describe("mergeBlocks", () => {
  const [text, runs] = [blank("text", { text: "one\n\ntwo" }), blank("runs", { title: "Runs" })];
  it("takes the changes of both, in one text too", () => {
    const mine = [{ ...text, text: "ONE\n\ntwo" }, runs];
    const theirs = [{ ...text, text: "one\n\nTWO" }, { ...runs, limit: 5 }];
    expect(mergeBlocks([text, runs], mine, theirs)).toEqual({ list: [{ ...text, text: "ONE\n\nTWO" }, { ...runs, limit: 5 }], conflicts: 0 });
  });
  it("marks what both changed in a text, and keeps both of what cannot be merged", () => {
    const both = mergeBlocks([text], [{ ...text, text: "A\n\ntwo" }], [{ ...text, text: "B\n\ntwo" }]);
    expect([both.conflicts, both.list[0]?.text]).toEqual([1, "<<<<<<< yours\nA\n=======\nB\n>>>>>>> theirs\n\ntwo"]);
    const [five, six] = [{ ...runs, limit: 5 }, { ...runs, limit: 6 }];
    expect(mergeBlocks([runs], [five], [six])).toEqual({ list: [five, six], conflicts: 1 });
    expect(mergeBlocks([text, runs], [text, runs, five], [runs])).toEqual({ list: [runs, five], conflicts: 0 });
  });
});
