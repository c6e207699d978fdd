import { api } from "@/api/client";
import type { Member, Token } from "@/api/types";

export const ROLES = ["viewer", "contributor", "reviewer", "maintainer", "admin"];
/** What can be given one by one, whatever the role. */
export const VERBS = ["audit.read", "data.read_restricted", "erase", "export", "job.submit", "review.approve", "server.read", "verify.write"];
export const KINDS = [{ value: "person", label: "person" }, { value: "service", label: "service account" }];

export const membersQuery = { queryKey: ["members"], queryFn: ({ signal }: { signal: AbortSignal }) => api.get("/api/v1/members", { signal }) };

/** A role in words: what, on what, and whether it comes from a group of the provider. */
export function roleText(grant: Member["grants"][number]): string {
  return `${grant.role}${grant.scope ? ` of ${grant.scope}` : ""}${grant.source === "group" ? " (group)" : ""}`;
}

/** A single permission in words: what, and on what. */
export function verbText(one: NonNullable<Member["verbs"]>[number]): string {
  return one.scope ? `${one.verb} on ${one.scope}` : one.verb;
}

/** The ways in that a member has, in words. */
export function waysText(member: Member): string {
  return (member.signs_in ?? []).join(", ") || (member.disabled ? "nothing" : "no way yet");
}

export type TokenState = "active" | "expired" | "revoked";

/** Whether a token lets anybody in. */
export function tokenState(token: Token, now: number): TokenState {
  if (token.revoked) return "revoked";
  return token.expires_at && Date.parse(token.expires_at) < now ? "expired" : "active";
}

/** What a token is for, in words. */
export function tokenScope(token: Token): string {
  const where = token.scope_kind === "workspace" ? "" : token.scope ? ` in the ${token.scope_kind} ${token.scope}` : ` in a ${token.scope_kind} that is gone`;
  const only = token.only ?? [];
  return `${only.length > 0 ? only.join(", ") : `as ${token.role}`}${where}`;
}
