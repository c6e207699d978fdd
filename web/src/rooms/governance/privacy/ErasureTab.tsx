import { Button, Select, TextInput } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "@/api/client";
import { useMe } from "@/api/session";
import type { Erasure } from "@/api/types";
import { Name, Section, Time } from "@/ui/bits";
import { formatCount } from "@/ui/format";
import { Scroll } from "@/ui/Scroll";
import { Empty, ErrorNote, Loaded } from "@/ui/states";
import { membersQuery } from "../people";
import { Decide } from "./Decide";
import { Found } from "./Found";
import { download, lookOver, stateText } from "./parts";

const KEY = ["erasures"];

/** Asks for somebody to be erased, once what that means was looked at. */
function Ask() {
  const client = useQueryClient();
  const members = useQuery(membersQuery);
  const [person, setPerson] = useState<string | null>(null);
  const [also, setAlso] = useState("");
  const [reason, setReason] = useState("");
  const words = also.split(",").map((one) => one.trim()).filter(Boolean);
  const look = useMutation({ mutationFn: () => lookOver(person ?? "", words) });
  const ask = useMutation({
    mutationFn: () => api.post("/api/v1/erasures", { body: { person: person ?? "", reason, also: words } }),
    onSuccess: () => {
      look.reset();
      setReason("");
      return client.invalidateQueries({ queryKey: KEY });
    },
  });
  return (
    <Section title="Erase a person">
      <form className="field-row" onSubmit={(event) => { event.preventDefault(); ask.reset(); look.mutate(); }}>
        <Select size="xs" label="Who" searchable required data={(members.data ?? []).filter((one) => !one.name.startsWith("erased-")).map((one) => one.name)} value={person} onChange={(value) => { setPerson(value); look.reset(); }} />
        <TextInput size="xs" label="What else names them" placeholder="user name, another address" value={also} onChange={(event) => { setAlso(event.currentTarget.value); look.reset(); }} />
        <Button type="submit" size="xs" variant="default" disabled={!person} loading={look.isPending}>Look what is there</Button>
      </form>
      <p className="muted small">From a command line: <code>runward person erase {person ?? "NAME"}{words.map((one) => ` --also ${one}`).join("")} --dry-run</code></p>
      {look.isError && <ErrorNote error={look.error} />}
      {look.data && <Found found={look.data} />}
      {look.data && !look.data.refused && (
        <form className="field-row spaced" onSubmit={(event) => { event.preventDefault(); ask.mutate(); }}>
          <TextInput size="xs" label="Why" required value={reason} onChange={(event) => setReason(event.currentTarget.value)} />
          <Button type="submit" size="xs" color="red.9" loading={ask.isPending}>Ask for {person} to be erased</Button>
        </form>
      )}
      {ask.isError && <ErrorNote error={ask.error} />}
      {ask.data && <p role="status" className="tone-green">✓ Asked for. Somebody else who holds erase confirms it; they will be called {ask.data.pseudonym}.</p>}
    </Section>
  );
}

function Row({ erasure, me, open }: { erasure: Erasure; me: string; open: () => void }) {
  const client = useQueryClient();
  const withdraw = useMutation({
    mutationFn: () => api.delete("/api/v1/erasures/{erasure_id}", { path: { erasure_id: erasure.id } }),
    onSuccess: () => client.invalidateQueries({ queryKey: KEY }),
  });
  const small = { size: "compact-xs", variant: "subtle" } as const;
  const places = Object.entries(erasure.counts).filter(([key]) => !key.includes(":")).reduce((sum, [, count]) => sum + count, 0);
  return (
    <tr>
      <th scope="row" className="mono">{erasure.pseudonym}</th>
      <td data-label="State" className={erasure.state === "done" ? "tone-green" : erasure.state === "waiting" ? "tone-amber" : "muted"}>{stateText(erasure.state, erasure.phase, erasure.waits_for.length)}</td>
      <td data-label="Why" className="break">{erasure.reason}</td>
      <td data-label="By"><Name>{erasure.requested_by}</Name>{erasure.confirmed_by && <> and <Name>{erasure.confirmed_by}</Name></>}{erasure.control === "single" && <span className="muted"> (alone)</span>}</td>
      <td className="muted nowrap" data-label="Asked"><Time at={erasure.requested_at} /></td>
      <td className="wide muted">{places > 0 && `${formatCount(places)} places`}</td>
      <td>
        <span className="row-actions">
          {erasure.state === "requested" && erasure.requested_by !== me && <Button {...small} color="red" onClick={open} aria-label={`Confirm ${erasure.pseudonym}`}>Confirm</Button>}
          {erasure.state === "requested" && <Button {...small} loading={withdraw.isPending} onClick={() => withdraw.mutate()} aria-label={`Withdraw ${erasure.pseudonym}`}>Withdraw</Button>}
          {erasure.state === "waiting" && <Button {...small} onClick={open} aria-label={`Decide on files of ${erasure.pseudonym}`}>Decide</Button>}
          {erasure.certificate && <Button {...small} onClick={() => download(`${erasure.pseudonym}.json`, JSON.stringify(erasure.certificate, null, 2))} aria-label={`Certificate of ${erasure.pseudonym}`}>Certificate</Button>}
        </span>
        {withdraw.isError && <ErrorNote error={withdraw.error} />}
      </td>
    </tr>
  );
}

/** Who was erased, who is to be, and how far it is. */
export function ErasureTab() {
  const me = useMe();
  const [chosen, setChosen] = useState("");
  const query = useQuery({
    queryKey: KEY,
    queryFn: ({ signal }) => api.get("/api/v1/erasures", { signal }),
    refetchInterval: (found) => (found.state.data?.some((one) => one.state === "running") ? 1000 : false),
  });
  return (
    <>
      <Loaded query={query}>
        {(found) => found.length === 0 ? (
          <Empty title="Nobody was erased" language="shell" code={"runward person erase NAME --dry-run"}>One asks, somebody else confirms. What the person made stays, under a pseudonym.</Empty>
        ) : (
          <>
            <Scroll label="Erasures">
              <table className="plain-table card-table">
                <thead><tr><th>Now called</th><th>State</th><th>Why</th><th>By</th><th>Asked</th><th className="wide">Replaced</th><th><span className="sr-only">What can be done</span></th></tr></thead>
                <tbody>{found.map((one) => <Row key={one.id} erasure={one} me={me.data?.name ?? ""} open={() => setChosen(one.id)} />)}</tbody>
              </table>
            </Scroll>
            <Decide erasure={found.find((one) => one.id === chosen && (one.state === "requested" || one.state === "waiting")) ?? null} close={() => setChosen("")} />
          </>
        )}
      </Loaded>
      <div className="spaced"><Ask /></div>
    </>
  );
}
