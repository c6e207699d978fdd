// @vitest-environment happy-dom
import { expect, it } from "vitest";
import { takeSecret, wantedUrl } from "./wanted";

it("keeps the wanted page", () => expect(wantedUrl("/runs/a?x=1")).toBe("/runs/a?x=1"));

it.each([null, "", "https://evil.org", "//evil.org", "/\\evil.org", "/sign-in?next=/x"])("does not follow %s", (next) => {
  expect(wantedUrl(next)).toBe("/projects");
});

it("takes the secret out of the address", () => {
  window.history.replaceState(null, "", "/enter#s%2Fecret");
  expect(takeSecret()).toBe("s/ecret");
  expect(window.location.hash).toBe("");
  expect(takeSecret()).toBe("s/ecret");
});
