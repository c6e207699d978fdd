import { expect, it } from "vitest";
import { changed } from "./urlState";

it("sets, repeats and takes away, and keeps the rest", () => {
  expect(changed("?q=a&sel=1&sel=2", { sel: ["2", "3"], q: null })).toBe("sel=2&sel=3");
  expect(changed("?a=1", { b: "x y" })).toBe("a=1&b=x+y");
  expect(changed("?a=1", { a: "" })).toBe("");
});
