import { describe, expect, it } from "vitest";
import { byTable, stateText } from "./parts";

describe("what an erasure would find", () => {
  it("counts a row once, however many of its columns name the person", () => {
    expect(byTable({ "runs.name": 2, "runs.created_by": 5, "comments.body": 7 })).toEqual([["comments", 7], ["runs", 5]]);
  });
});

describe("how far an erasure is", () => {
  it("says what is being done, and for whom it waits", () => {
    expect(stateText("running", "trail", 0)).toBe("◌ the audit trail");
    expect(stateText("running", "later", 0)).toBe("◌ later");
    expect(stateText("waiting", "files", 1)).toBe("? waits for a decision on 1 file");
    expect(stateText("requested", "access", 0)).toContain("somebody else");
    expect(stateText("done", "done", 0)).toBe("✓ done");
  });
});
