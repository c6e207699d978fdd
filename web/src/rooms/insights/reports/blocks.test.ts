import { describe, expect, it } from "vitest";
import { begun, blank, moved } from "./blocks";

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
