import { expect, it } from "vitest";
import { countChanges, parseDiff } from "./diffLines";

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
