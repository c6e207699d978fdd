import { expect, it } from "vitest";
import { type Draft, mergeDraft } from "./drafts";

const draft = (drafts: Draft["drafts"], ...said: string[]): Draft => ({ drafts, said: new Set(said) });

it("keeps one's own fields and takes those that only somebody else changed", () => {
  const was = draft({ approvals: "1", naming: "", workflow: "" }, "approvals");
  const mine = draft({ approvals: "2", naming: "", workflow: "trunk" }, "approvals", "workflow");
  const theirs = draft({ approvals: "3", naming: "a-.*", workflow: "" }, "approvals", "naming");
  const { draft: merged, conflicts } = mergeDraft(was, mine, theirs);
  expect(merged.drafts).toEqual({ approvals: "2", naming: "a-.*", workflow: "trunk" });
  expect([...merged.said]).toEqual(["approvals", "naming", "workflow"]);
  expect(conflicts).toEqual(["Approvals"]);
});
