import { describe, expect, it } from "vitest";
import { apart } from "./health";

const AT = "2026-01-10T12:00:00Z";
const of = (ahead: number) => ({ at: AT, database: { kind: "postgresql" as const, size_bytes: null, connections: 1, format: 1, newest_format: 1, clock_ahead_s: ahead } });

describe("clocks", () => {
  it("agree within two seconds, and while an answer is shown", () => {
    expect(apart(of(1.9), Date.parse(AT))).toBe("agree");
    expect(apart(of(0), Date.parse(AT) + 20_000)).toBe("agree");
  });
  it("are told apart with how far and which way", () => {
    expect(apart(of(-3.04), Date.parse(AT))).toBe("the database's is 3.0 s behind the server's");
    expect(apart(of(5), Date.parse(AT) - 7000)).toBe("the database's is 5.0 s ahead of the server's; this browser's is 7.0 s behind the server's");
  });
});
