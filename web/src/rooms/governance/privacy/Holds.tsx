import { Button, Select, TextInput } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "@/api/client";
import type { Hold } from "@/api/types";
import { Name, Section, Time } from "@/ui/bits";
import { Scroll } from "@/ui/Scroll";
import { ErrorNote, Loaded } from "@/ui/states";

const KEY = ["holds"];

function Row({ hold }: { hold: Hold }) {
  const client = useQueryClient();
  const [reason, setReason] = useState<string | null>(null);
  const lift = useMutation({
    mutationFn: () => api.post("/api/v1/holds/{hold_id}/lift", { path: { hold_id: hold.id }, body: { reason: reason ?? "" } }),
    onSuccess: () => client.invalidateQueries({ queryKey: KEY }),
  });
  return (
    <tr>
      <th scope="row" className="break">{hold.object_kind} <Name>{hold.name || hold.object_id}</Name></th>
      <td data-label="Why" className="break">{hold.reason}</td>
      <td className="muted" data-label="Since"><Name>{hold.author}</Name>, <Time at={hold.at} /></td>
      <td>
        {reason === null ? <Button size="compact-xs" variant="subtle" onClick={() => setReason("")} aria-label={`Lift the hold on ${hold.name}`}>Lift</Button> : (
          <form className="field-row" onSubmit={(event) => { event.preventDefault(); lift.mutate(); }}>
            <TextInput size="xs" label="Why it counts no more" required value={reason} onChange={(event) => setReason(event.currentTarget.value)} />
            <Button type="submit" size="xs" loading={lift.isPending}>Lift</Button>
          </form>
        )}
        {lift.isError && <ErrorNote error={lift.error} />}
      </td>
    </tr>
  );
}

/** What nobody deletes, collects or erases. */
export function Holds() {
  const client = useQueryClient();
  const query = useQuery({ queryKey: KEY, queryFn: ({ signal }) => api.get("/api/v1/holds", { signal }) });
  const projects = useQuery({ queryKey: ["projects"], queryFn: ({ signal }) => api.get("/api/v1/projects", { signal }) });
  const [project, setProject] = useState<string | null>(null);
  const [reason, setReason] = useState("");
  const set = useMutation({
    mutationFn: () => api.post("/api/v1/holds", { body: { project: project ?? "", reason } }),
    onSuccess: () => {
      setReason("");
      return client.invalidateQueries({ queryKey: KEY });
    },
  });
  return (
    <Section title="Legal holds">
      <Loaded query={query} rows={2}>
        {(holds) => holds.length === 0 ? <p className="muted">Nothing is held. What is held is neither deleted, moved, collected nor taken by rules, and nobody whose work it has is erased.</p> : (
          <Scroll label="Legal holds">
            <table className="plain-table card-table">
              <thead><tr><th>On</th><th>Why</th><th>Since</th><th><span className="sr-only">What can be done</span></th></tr></thead>
              <tbody>{holds.map((hold) => <Row key={hold.id} hold={hold} />)}</tbody>
            </table>
          </Scroll>
        )}
      </Loaded>
      <form className="field-row spaced" onSubmit={(event) => { event.preventDefault(); set.mutate(); }}>
        <Select size="xs" label="Hold a project" searchable required data={(projects.data ?? []).map((one) => one.path)} value={project} onChange={setProject} />
        <TextInput size="xs" label="Why" required value={reason} onChange={(event) => setReason(event.currentTarget.value)} />
        <Button type="submit" size="xs" disabled={!project} loading={set.isPending}>Hold</Button>
      </form>
      <p className="muted small">A run: <code>runward hold set RUN --reason …</code></p>
      {set.isError && <ErrorNote error={set.error} />}
    </Section>
  );
}
