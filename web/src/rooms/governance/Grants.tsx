import { Button, Modal, Select } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "@/api/client";
import type { Member } from "@/api/types";
import { Name } from "@/ui/bits";
import { ErrorNote } from "@/ui/states";
import { membersQuery, ROLES, roleText } from "./people";

type Grant = Member["grants"][number];

/** The roles of a member: given and taken away here, or coming and going with a group of the provider. */
export function Grants({ member, close }: { member: Member | null; close: () => void }) {
  const client = useQueryClient();
  const [role, setRole] = useState("contributor");
  const [where, setWhere] = useState("workspace:");
  const teams = useQuery({ queryKey: ["teams"], queryFn: ({ signal }) => api.get("/api/v1/teams", { signal }), enabled: member !== null });
  const projects = useQuery({ queryKey: ["projects"], queryFn: ({ signal }) => api.get("/api/v1/projects", { signal }), enabled: member !== null });
  const set = useMutation({
    mutationFn: ({ grant, to }: { grant: Pick<Grant, "scope_kind" | "scope">; to: string | null }) =>
      api.put("/api/v1/members/{member}/grants", { path: { member: member?.id ?? "" }, body: { scope_kind: grant.scope_kind, scope: grant.scope, role: to as Grant["role"] } }),
    onSuccess: () => client.invalidateQueries({ queryKey: membersQuery.queryKey }),
  });
  const places = [
    { group: "Everywhere", items: [{ value: "workspace:", label: "the whole workspace" }] },
    { group: "Teams", items: (teams.data ?? []).map((one) => ({ value: `team:${one.name}`, label: one.name })) },
    { group: "Projects", items: (projects.data ?? []).map((one) => ({ value: `project:${one.path}`, label: one.path })) },
  ];
  const give = () => {
    const cut = where.indexOf(":");
    set.mutate({ grant: { scope_kind: where.slice(0, cut) as Grant["scope_kind"], scope: where.slice(cut + 1) }, to: role });
  };
  return (
    <Modal opened={member !== null} onClose={() => { set.reset(); close(); }} title="Roles" size="lg" closeButtonProps={{ "aria-label": "Close" }}>
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
          <form className="field-row" onSubmit={(event) => { event.preventDefault(); give(); }}>
            <Select size="xs" label="Role" data={ROLES} value={role} allowDeselect={false} onChange={(value) => setRole(value ?? "contributor")} />
            <Select size="xs" label="On" data={places} searchable value={where} allowDeselect={false} onChange={(value) => setWhere(value ?? "workspace:")} />
            <Button type="submit" size="xs" loading={set.isPending}>Give</Button>
          </form>
          {set.isError && <ErrorNote error={set.error} />}
        </div>
      )}
    </Modal>
  );
}
