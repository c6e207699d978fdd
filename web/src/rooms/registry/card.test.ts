import { expect, test } from "vitest";
import { bodyOf, fieldText, wordsOf } from "./card";

test("a card's body has neither front matter nor the model's name", () => {
  expect(bodyOf("---\nlicense: mit\n---\n\n# digits 3\n\n## Summary\n\n---\n\nText\n")).toBe("\n## Summary\n\n---\n\nText\n");
  expect(bodyOf("## Summary\n")).toBe("## Summary\n");
});

test("inputs read as in code", () => {
  expect(fieldText({ name: "x", dtype: "float32", shape: [-1, 64] })).toBe("x: float32[?, 64]");
  expect(fieldText({ dtype: "int64", shape: null, required: false })).toBe("int64 (optional)");
  expect(wordsOf("out_of_scope")).toBe("Out of scope");
});
