import { useQuery } from "@tanstack/react-query";
import { api } from "@/api/client";
import type { Member, Token } from "@/api/types";
import { Name, Time } from "@/ui/bits";
import { CodeBlock } from "@/ui/CodeBlock";
import { Page } from "@/ui/Page";
import { Empty, Loaded } from "@/ui/states";
import { Tabs } from "@/ui/Tabs";
import { AuditTab } from "./AuditTab";
import { Scroll } from "@/ui/Scroll";

const grantText = (grant: Member["grants"][number]) => `${grant.role}${grant.scope ? ` of ${grant.scope}` : ""}`;

function Members() {
  const query = useQuery({ queryKey: ["members"], queryFn: ({ signal }) => api.get("/api/v1/members", { signal }) });
  return (
    <Loaded query={query}>
      {(members) => (
        <>
          <Scroll label="Members">
            <table className="plain-table">
              <thead><tr><th>Name</th><th>Roles</th><th className="wide">Kind</th><th className="wide">Since</th></tr></thead>
              <tbody>
                {members.map((member) => (
                  <tr key={member.id}>
                    <th scope="row"><Name>{member.display_name || member.name}</Name> {member.display_name && member.display_name !== member.name && <span className="muted">{member.name}</span>}</th>
                    <td>{member.grants.map(grantText).join(", ") || "none"}{member.disabled && <span className="tone-amber"> disabled</span>}</td>
                    <td className="wide muted">{member.kind}</td>
                    <td className="wide muted"><Time at={member.created_at} /></td>
                  </tr>
                ))}
              </tbody>
            </table>
          </Scroll>
          <p className="muted spaced">Members are invited from the command line; the one-time link is shown once.</p>
          <CodeBlock code="runward member create NAME --role contributor" label="command" />
        </>
      )}
    </Loaded>
  );
}

function state(token: Token): string {
  if (token.revoked) return "revoked";
  return token.expires_at && Date.parse(token.expires_at) < Date.now() ? "expired" : "active";
}

function Tokens() {
  const query = useQuery({ queryKey: ["tokens"], queryFn: ({ signal }) => api.get("/api/v1/tokens", { signal }) });
  return (
    <Loaded query={query}>
      {(tokens) => tokens.length === 0 ? (
        <Empty title="You have no token" language="shell" code="runward token create">Programs sign in with a token. Its secret is shown once.</Empty>
      ) : (
        <Scroll label="Members">
          <table className="plain-table">
            <thead><tr><th>Name</th><th>Role</th><th>State</th><th className="wide">Begins with</th><th className="wide">Expires</th><th className="wide">Last used</th></tr></thead>
            <tbody>
              {tokens.map((token) => (
                <tr key={token.id}>
                  <th scope="row"><Name>{token.name}</Name></th>
                  <td>{token.role}</td>
                  <td className={state(token) === "active" ? "tone-green" : "tone-grey"}>{state(token)}</td>
                  <td className="wide mono">{token.prefix}</td>
                  <td className="wide muted">{token.expires_at?.slice(0, 10) ?? "never"}</td>
                  <td className="wide muted"><Time at={token.last_used_at} /></td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      )}
    </Loaded>
  );
}

/** Who belongs here, the reader's tokens, and the trail of what was done. */
export default function AdminPage({ tab }: { tab: string }) {
  return (
    <Page title="Admin" trail={[]}>
      <Tabs base="/admin" current={tab} label="Parts of the administration" tabs={[["members", "Members"], ["tokens", "Your tokens"], ["audit", "Audit"]]} />
      {tab === "tokens" ? <Tokens /> : tab === "audit" ? <AuditTab /> : <Members />}
    </Page>
  );
}
