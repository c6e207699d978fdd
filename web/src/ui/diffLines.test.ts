import { expect, it } from "vitest";
import { anchorsOf, countChanges, parseDiff } from "./diffLines";

const DIFF = "diff --git a/t.py b/t.py\n--- a/t.py\n+++ b/t.py\n@@ -2,2 +2,3 @@\n same\n-old\n+new\n+-- not a header\n\\ No newline at end of file\n";

it("numbers the lines of both sides and leaves the headers out", () => {
  const lines = parseDiff(DIFF);
  expect(lines.map(({ kind, text, before, after }) => [kind, text, before, after])).toEqual([
    ["hunk", "@@ -2,2 +2,3 @@", undefined, undefined],
    ["same", "same", 2, 2],
    ["del", "old", 3, undefined],
    ["add", "new", undefined, 3],
    ["add", "-- not a header", undefined, 4],
  ]);
  expect(countChanges(lines)).toEqual({ plus: 2, minus: 1 });
});

it("says where a remark on a line belongs", () => {
  expect(anchorsOf("t.py", parseDiff(DIFF))).toEqual(["", "t.py:2", "", "t.py:3", "t.py:4"]);
  const notebook = parseDiff("@@ -1,3 +1,3 @@\n # %% cell 2\n-a = 1\n+a = 2\n");
  expect(anchorsOf("nb.ipynb", notebook)).toEqual(["", "nb.ipynb#2", "", ""]);
  expect(anchorsOf("nb.ipynb (outputs)", notebook)).toEqual(["", "", "", ""]);
});
