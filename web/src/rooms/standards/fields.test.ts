import { describe, expect, it } from "vitest";
import { fromDraft, labelOf, toDraft, wordsOf } from "./fields";

describe("drafts of standards", () => {
  it("come back as what they were", () => {
    const values: [string, unknown][] = [
      ["approvals", 2], ["naming", "[a-z]+"], ["review_required", false], ["required_metrics", ["acc", "loss"]], ["required_metrics", []],
      ["default_hyperparameters", { lr: 0.1, opt: { name: "sgd" } }], ["thresholds", [{ metric: "val acc", op: ">=", value: 0.95 }]], ["owners", []],
    ];
    for (const [field, value] of values) expect(fromDraft(field, toDraft(field, value), value)).toEqual(value);
  });
  it("say what to write instead", () => {
    expect(() => fromDraft("approvals", "two", 1)).toThrow("a number");
    expect(() => fromDraft("approvals", " ", 1)).toThrow("a number");
    expect(() => fromDraft("thresholds", "acc is good", [])).toThrow("acc is good");
    expect(() => fromDraft("owners", "[", [])).toThrow("not JSON");
  });
  it("have words for every field, also for unknown ones", () => {
    expect(labelOf("default_hyperparameters.opt.lr")).toBe("Default hyperparameters: opt.lr");
    expect(wordsOf("some_new_rule").label).toBe("Some new rule");
  });
});
