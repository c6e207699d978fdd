import { describe, expect, it } from "vitest";
import { explained } from "./problems";

describe("explained", () => {
  it("says what happened and what to do", () => {
    expect(explained("away")?.happened).toMatch(/does not answer/);
    expect(explained("no_access")?.next).toMatch(/admin/);
  });
  it("shows no words that somebody put into the address", () => {
    for (const word of [null, "", "call 555-1234", "toString", "__proto__"]) expect(explained(word)).toBeNull();
  });
});
