import { describe, expect, it } from "vitest";
import type { Member, Token } from "@/api/types";
import { roleText, tokenScope, tokenState, verbText, waysText } from "./people";

const token = (changes: Partial<Token>) => ({ role: "admin", revoked: false, expires_at: null, scope_kind: "workspace", scope: "", only: [], ...changes }) as Token;

describe("people", () => {
  it("says where a role holds and where it comes from", () => {
    expect(roleText({ scope_kind: "team", scope: "vision", role: "viewer", source: "group" })).toBe("viewer of vision (group)");
    expect(roleText({ scope_kind: "workspace", scope: "", role: "admin", source: "hand" })).toBe("admin");
  });
  it("says what somebody holds beside a role", () => {
    expect(verbText({ scope_kind: "team", scope: "vision", verb: "export" })).toBe("export on vision");
    expect(verbText({ scope_kind: "workspace", scope: "", verb: "audit.read" })).toBe("audit.read");
  });
  it("says how somebody comes in", () => {
    expect(waysText({ signs_in: ["password", "provider"] } as unknown as Member)).toBe("password, provider");
    expect(waysText({ signs_in: [], disabled: true } as unknown as Member)).toBe("nothing");
  });
  it("says what a token is for", () => {
    expect(tokenScope(token({}))).toBe("as admin");
    expect(tokenScope(token({ only: ["run.write"], scope_kind: "project", scope: "digits" }))).toBe("run.write in the project digits");
    expect(tokenScope(token({ scope_kind: "team" }))).toBe("as admin in a team that is gone");
  });
  it("says whether a token still works", () => {
    const now = Date.parse("2026-01-01T00:00:00Z");
    expect(tokenState(token({ expires_at: "2025-12-31T23:59:59Z" }), now)).toBe("expired");
    expect(tokenState(token({ expires_at: "2026-01-02T00:00:00Z" }), now)).toBe("active");
    expect(tokenState(token({ revoked: true }), now)).toBe("revoked");
  });
});
