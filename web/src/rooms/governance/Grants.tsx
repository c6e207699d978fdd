import { Button, Modal, Select } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "@/api/client";
import type { Member } from "@/api/types";
import { Name } from "@/ui/bits";
import { ErrorNote } from "@/ui/states";
import { membersQuery, ROLES, roleText, VERBS, verbText } from "./people";

type Grant = Member["grants"][number];
type Verb = NonNullable<Member["verbs"]>[number];

/** The roles of a member: given and taken away here, or coming and going with a group of the provider. */
export function Grants({ member, etag, close }: { member: Member | null; etag: string; close: () => void }) {
  const client = useQueryClient();
  const [role, setRole] = useState("contributor");
  const [where, setWhere] = useState("workspace:");
  const teams = useQuery({ queryKey: ["teams"], queryFn: ({ signal }) => api.get("/api/v1/teams", { signal }), enabled: member !== null });
  const projects = useQuery({ queryKey: ["projects"], queryFn: ({ signal }) => api.get("/api/v1/projects", { signal }), enabled: member !== null });
  const set = useMutation({
    mutationFn: ({ grant, to }: { grant: Pick<Grant, "scope_kind" | "scope">; to: string | null }) =>
      api.put("/api/v1/members/{member}/grants", { path: { member: member?.id ?? "" }, body: { scope_kind: grant.scope_kind, scope: grant.scope, role: to as Grant["role"] }, match: etag }),
    // After a refusal too: what somebody else gave meanwhile is to be seen before it is tried again.
    onSettled: () => client.invalidateQueries({ queryKey: membersQuery.queryKey }),
  });
  const [verb, setVerb] = useState("audit.read");
  const setOne = useMutation({
    mutationFn: ({ given, held }: { given: Verb; held: boolean }) =>
      api.put("/api/v1/members/{member}/verbs", { path: { member: member?.id ?? "" }, body: { ...given, verb: given.verb as "export", held }, match: etag }),
    onSettled: () => client.invalidateQueries({ queryKey: membersQuery.queryKey }),
  });
  const places = [
    { group: "Everywhere", items: [{ value: "workspace:", label: "the whole workspace" }] },
    { group: "Teams", items: (teams.data ?? []).map((one) => ({ value: `team:${one.name}`, label: one.name })) },
    { group: "Projects", items: (projects.data ?? []).map((one) => ({ value: `project:${one.path}`, label: one.path })) },
  ];
  const cut = where.indexOf(":");
  const place = { scope_kind: where.slice(0, cut) as Grant["scope_kind"], scope: where.slice(cut + 1) };
  return (
    <Modal opened={member !== null} onClose={() => { set.reset(); close(); }} title="Roles and permissions" size="lg" closeButtonProps={{ "aria-label": "Close" }}>
      {member && (
        <div className="stack">
          <p><strong><Name>{member.name}</Name></strong>: a role holds where it is given and below. Who gets less has to sign in again.</p>
          {member.grants.length === 0 && <p className="muted">No role: nothing here exists for them.</p>}
          <ul className="plain-list">
            {member.grants.map((grant) => (
              <li key={`${grant.scope_kind} ${grant.scope} ${grant.source}`}>
                {roleText(grant)}{" "}
                {grant.source === "group"
                  ? <span className="muted small">comes and goes with the group</span>
                  : <Button size="compact-xs" variant="subtle" color="red" disabled={set.isPending} onClick={() => set.mutate({ grant, to: null })} aria-label={`Take away: ${roleText(grant)}`}>Take away</Button>}
              </li>
            ))}
          </ul>
          <form className="field-row" onSubmit={(event) => { event.preventDefault(); set.mutate({ grant: place, to: role }); }}>
            <Select size="xs" label="Role" data={ROLES} value={role} allowDeselect={false} onChange={(value) => setRole(value ?? "contributor")} />
            <Select size="xs" label="On" data={places} searchable value={where} allowDeselect={false} onChange={(value) => setWhere(value ?? "workspace:")} />
            <Button type="submit" size="xs" loading={set.isPending}>Give</Button>
          </form>
          {set.isError && <ErrorNote error={set.error} />}
          <p><strong>Single permissions</strong>: beside a role or without one. An auditor with audit.read reads the log and no data.</p>
          <ul className="plain-list">
            {(member.verbs ?? []).map((one) => (
              <li key={`${one.verb} ${one.scope_kind} ${one.scope}`}>
                <code>{one.verb}</code>{one.scope ? ` on ${one.scope}` : " everywhere"}{" "}
                <Button size="compact-xs" variant="subtle" color="red" disabled={setOne.isPending} onClick={() => setOne.mutate({ given: one, held: false })} aria-label={`Take away: ${verbText(one)}`}>Take away</Button>
              </li>
            ))}
          </ul>
          <form className="field-row" onSubmit={(event) => { event.preventDefault(); setOne.mutate({ given: { ...place, verb }, held: true }); }}>
            <Select size="xs" label="Permission" data={VERBS} value={verb} allowDeselect={false} onChange={(value) => setVerb(value ?? "audit.read")} />
            <Select size="xs" label="Where" data={places} searchable value={where} allowDeselect={false} onChange={(value) => setWhere(value ?? "workspace:")} />
            <Button type="submit" size="xs" loading={setOne.isPending}>Allow</Button>
          </form>
          {setOne.isError && <ErrorNote error={setOne.error} />}
        </div>
      )}
    </Modal>
  );
}
