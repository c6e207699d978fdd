import { Button, Checkbox, NumberInput, Select, TextInput } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "@/api/client";
import { useMe } from "@/api/session";
import type { Token } from "@/api/types";
import { Name, Section, Time } from "@/ui/bits";
import { CodeBlock } from "@/ui/CodeBlock";
import { Scroll } from "@/ui/Scroll";
import { Empty, ErrorNote, Loaded } from "@/ui/states";
import { useUrlState } from "@/ui/urlState";
import { membersQuery, ROLES, tokenScope, tokenState } from "./people";

/** Makes a token; its secret is shown once. */
function NewToken({ manages }: { manages: boolean }) {
  const client = useQueryClient();
  const [name, setName] = useState("");
  const [member, setMember] = useState<string | null>(null);
  const [role, setRole] = useState("contributor");
  const [project, setProject] = useState<string | null>(null);
  const [days, setDays] = useState(90);
  const projects = useQuery({ queryKey: ["projects"], queryFn: ({ signal }) => api.get("/api/v1/projects", { signal }) });
  const members = useQuery({ ...membersQuery, enabled: manages });
  const create = useMutation({
    mutationFn: () => api.post("/api/v1/tokens", { body: { name: name.trim(), member: member ?? "", role: role as Token["role"], project: project ?? "", expires_in_days: days } }),
    onSuccess: () => {
      setName("");
      return client.invalidateQueries({ queryKey: ["tokens"] });
    },
  });
  return (
    <Section title="Make a token">
      <form className="field-row" onSubmit={(event) => { event.preventDefault(); create.mutate(); }}>
        <TextInput size="xs" label="What it is for" placeholder="nightly training" required maxLength={100} value={name} onChange={(event) => setName(event.currentTarget.value)} />
        {manages && <Select size="xs" label="Whose" placeholder="your own" clearable searchable data={(members.data ?? []).filter((one) => !one.disabled).map((one) => one.name)} value={member} onChange={setMember} />}
        <Select size="xs" label="At most as" data={ROLES} value={role} allowDeselect={false} onChange={(value) => setRole(value ?? "contributor")} />
        <Select size="xs" label="Only in" placeholder="all projects" clearable searchable data={(projects.data ?? []).map((one) => one.path)} value={project} onChange={setProject} />
        <NumberInput size="xs" label="Days until it ends" min={1} max={3650} clampBehavior="strict" value={days} onChange={(value) => typeof value === "number" && setDays(value)} />
        <Button type="submit" size="xs" loading={create.isPending}>Make</Button>
      </form>
      <p className="muted small">From a command line: <code>runward token create{member ? ` --member ${member}` : ""} --scope {role}{project ? ` --project ${project}` : ""} --days {days}</code></p>
      {create.isError && <ErrorNote error={create.error} />}
      {create.data && (
        <div role="status" className="stack">
          <p><strong>Copy it now:</strong> it is shown only once.</p>
          <CodeBlock code={`export RUNWARD_URL=${window.location.origin} RUNWARD_TOKEN=${create.data.secret}`} label="token" />
        </div>
      )}
    </Section>
  );
}

function Row({ token, whose, now }: { token: Token; whose: boolean; now: number }) {
  const client = useQueryClient();
  const revoke = useMutation({
    mutationFn: () => api.delete("/api/v1/tokens/{token_id}", { path: { token_id: token.id } }),
    onSuccess: () => client.invalidateQueries({ queryKey: ["tokens"] }),
  });
  const state = tokenState(token, now);
  return (
    <tr>
      <th scope="row"><Name>{token.name}</Name></th>
      {whose && <td data-label="Whose"><Name>{token.member}</Name></td>}
      <td className="break" data-label="For">{tokenScope(token)}</td>
      <td data-label="State" className={state === "active" ? "tone-green nowrap" : "tone-grey nowrap"}>{state === "active" ? "✓ " : "◌ "}{state}</td>
      <td className="wide mono">{token.prefix}…</td>
      <td className="wide muted">{token.expires_at?.slice(0, 10) ?? "never"}</td>
      <td className="wide muted">{token.last_used_at ? <Time at={token.last_used_at} /> : "never"}</td>
      <td>
        {state === "active" && <Button size="compact-xs" variant="subtle" color="red" loading={revoke.isPending} onClick={() => revoke.mutate()} aria-label={`Revoke ${token.name}`}>Revoke</Button>}
        {revoke.isError && <ErrorNote error={revoke.error} />}
      </td>
    </tr>
  );
}

/** The reader's tokens, or everybody's for who administers the workspace. */
export function TokensTab() {
  const me = useMe();
  const manages = me.data?.role === "admin";
  const [url, setUrl] = useUrlState();
  const everybody = manages && url.get("of") === "everybody";
  const query = useQuery({ queryKey: ["tokens", everybody], queryFn: ({ signal }) => api.get("/api/v1/tokens", { query: { everybody }, signal }) });
  const [now] = useState(Date.now);
  return (
    <>
      {manages && <Checkbox size="xs" className="spaced" label="Everybody’s" checked={everybody} onChange={(event) => setUrl({ of: event.currentTarget.checked ? "everybody" : null })} />}
      <Loaded query={query}>
        {(tokens) => tokens.length === 0 ? (
          <Empty title={everybody ? "Nobody has a token" : "You have no token"} language="shell" code={`runward login ${window.location.origin}`}>Your own command line needs none: it is let in from here. Programs that run by themselves come in with a token.</Empty>
        ) : (
          <Scroll label="Tokens">
            <table className="plain-table card-table">
              <thead><tr><th>Name</th>{everybody && <th>Whose</th>}<th>For</th><th>State</th><th className="wide">Begins with</th><th className="wide">Ends</th><th className="wide">Last used</th><th><span className="sr-only">What can be done</span></th></tr></thead>
              <tbody>{tokens.map((token) => <Row key={token.id} token={token} whose={everybody} now={now} />)}</tbody>
            </table>
          </Scroll>
        )}
      </Loaded>
      <div className="spaced"><NewToken manages={manages} /></div>
    </>
  );
}
