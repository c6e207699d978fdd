import { Button, Select, TextInput } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "@/api/client";
import { useMe } from "@/api/session";
import type { Member } from "@/api/types";
import { Name, Section, Time } from "@/ui/bits";
import { CodeBlock } from "@/ui/CodeBlock";
import { Scroll } from "@/ui/Scroll";
import { ErrorNote, Loaded } from "@/ui/states";
import { EndMember } from "./EndMember";
import { Grants } from "./Grants";
import { KINDS, membersQuery, ROLES, roleText, verbText, waysText } from "./people";

type Role = Member["grants"][number]["role"];

/** A one-time link that was made just now. */
function OneTime({ member, path }: { member: string; path: string }) {
  return (
    <div role="status" className="stack">
      {path ? <p><strong>Send this to <Name>{member}</Name>:</strong> it is shown only once and works once, for seven days.</p>
        : <p><strong><Name>{member}</Name> is a service account:</strong> make a token for it under Tokens.</p>}
      {path && <CodeBlock code={`${window.location.origin}${path}`} label="one-time link" />}
    </div>
  );
}

/** Makes a member, who then chooses a password, or a service account. */
function NewMember({ invited }: { invited: (member: string, path: string) => void }) {
  const client = useQueryClient();
  const [name, setName] = useState("");
  const [role, setRole] = useState<Role>("contributor");
  const [team, setTeam] = useState<string | null>(null);
  const [kind, setKind] = useState<"person" | "service">("person");
  const teams = useQuery({ queryKey: ["teams"], queryFn: ({ signal }) => api.get("/api/v1/teams", { signal }) });
  const where = [...(teams.data ?? []).map((one) => ({ value: one.name, label: one.name })), { value: "*", label: "the whole workspace" }];
  const create = useMutation({
    mutationFn: () => api.post("/api/v1/members", { body: { name: name.trim(), role, team: team ?? "", kind } }),
    onSuccess: (made) => {
      setName("");
      invited(made.member, made.path);
      return client.invalidateQueries({ queryKey: membersQuery.queryKey });
    },
  });
  return (
    <Section title="Add a member">
      <form className="field-row" onSubmit={(event) => { event.preventDefault(); create.mutate(); }}>
        <TextInput size="xs" label="Name" required maxLength={100} value={name} onChange={(event) => setName(event.currentTarget.value)} />
        <Select size="xs" label="Kind" data={KINDS} value={kind} allowDeselect={false} onChange={(value) => setKind(value === "service" ? "service" : "person")} />
        <Select size="xs" label="Role" data={ROLES} value={role} allowDeselect={false} onChange={(value) => setRole((value ?? "contributor") as Role)} />
        <Select size="xs" label="On" data={where} value={team ?? where[0]?.value ?? null} allowDeselect={false} onChange={setTeam} />
        <Button type="submit" size="xs" loading={create.isPending}>Add</Button>
      </form>
      {create.isError && <ErrorNote error={create.error} />}
    </Section>
  );
}

/** What an admin can do about a member. */
function Actions({ member, isSelf, invited, roles, end }: {
  member: Member;
  isSelf: boolean;
  invited: (member: string, path: string) => void;
  roles: () => void;
  end: () => void;
}) {
  const client = useQueryClient();
  const path = { member: member.id };
  const changed = () => client.invalidateQueries({ queryKey: membersQuery.queryKey });
  const activate = useMutation({ mutationFn: () => api.delete("/api/v1/members/{member}/deactivation", { path }), onSuccess: changed });
  const invite = useMutation({
    mutationFn: () => api.post("/api/v1/members/{member}/invitation", { path }),
    onSuccess: (made) => { invited(made.member, made.path); return changed(); },
  });
  const failed = activate.error ?? invite.error;
  const small = { size: "compact-xs", variant: "subtle" } as const;
  return (
    <span className="row-actions">
      <Button {...small} onClick={roles} aria-label={`Roles of ${member.name}`}>Roles</Button>
      {isSelf || member.name.startsWith("erased-") ? null : member.disabled
        ? <Button {...small} loading={activate.isPending} onClick={() => activate.mutate()} aria-label={`Let in again: ${member.name}`}>Let in again</Button>
        : (
          <>
            {member.kind === "person" && <Button {...small} loading={invite.isPending} onClick={() => invite.mutate()} aria-label={`New link for ${member.name}`}>New link</Button>}
            <Button {...small} color="red" onClick={end} aria-label={`Deactivate ${member.name}`}>Deactivate</Button>
          </>
        )}
      {failed && <ErrorNote error={failed} />}
    </span>
  );
}

/** Everybody who belongs here: roles, how they come in, when they were last here. */
export function MembersTab() {
  const query = useQuery(membersQuery);
  const me = useMe();
  const manages = me.data?.role === "admin";
  const [link, setLink] = useState<{ member: string; path: string } | null>(null);
  const [ending, setEnding] = useState<Member | null>(null);
  const [granting, setGranting] = useState("");
  return (
    <Loaded query={query}>
      {(members) => (
        <>
          <Scroll label="Members">
            <table className="plain-table card-table">
              <thead><tr><th>Name</th><th>Roles</th><th className="wide">Kind</th><th className="wide">Signs in by</th><th>Last seen</th>{manages && <th><span className="sr-only">What can be done</span></th>}</tr></thead>
              <tbody>
                {members.map((member) => (
                  <tr key={member.id} className={member.disabled ? "muted" : undefined}>
                    <th scope="row"><Name>{member.display_name || member.name}</Name> {member.display_name && member.display_name !== member.name && <span className="muted">{member.name}</span>}{member.disabled && <span className="tone-amber"> ◌ deactivated</span>}</th>
                    <td data-label="Roles">{[...member.grants.map(roleText), ...(member.verbs ?? []).map(verbText)].join(", ") || "none"}</td>
                    <td className="wide muted">{member.kind}</td>
                    <td className="wide muted">{waysText(member)}</td>
                    <td className="muted nowrap" data-label="Last seen">{member.last_seen_at ? <Time at={member.last_seen_at} /> : "never"}</td>
                    {manages && <td><Actions member={member} isSelf={member.id === me.data?.member_id} invited={(name, path) => setLink({ member: name, path })} roles={() => setGranting(member.id)} end={() => setEnding(member)} /></td>}
                  </tr>
                ))}
              </tbody>
            </table>
          </Scroll>
          <div className="spaced">{manages && <NewMember invited={(name, path) => setLink({ member: name, path })} />}</div>
          {link && <OneTime {...link} />}
          <Grants member={members.find((one) => one.id === granting) ?? null} etag={members.etag} close={() => setGranting("")} />
          <EndMember member={ending} close={() => setEnding(null)} />
        </>
      )}
    </Loaded>
  );
}
