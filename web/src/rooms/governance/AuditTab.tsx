import { Button, Select, TextInput } from "@mantine/core";
import { useInfiniteQuery, useMutation } from "@tanstack/react-query";
import { type FormEvent, Fragment, useState } from "react";
import { api } from "@/api/client";
import type { AuditProof } from "@/api/types";
import { Name, Time } from "@/ui/bits";
import { formatCount, plural } from "@/ui/format";
import { Empty, ErrorNote, Loading } from "@/ui/states";
import { Scroll } from "@/ui/Scroll";
import { useUrlState } from "@/ui/urlState";

const FIELDS = ["actor", "operation", "object_id", "outcome", "since", "until"] as const;
const OUTCOMES = [{ value: "", label: "any" }, { value: "ok", label: "ok" }, { value: "refused", label: "refused" }];

/** What a proof found, in words. */
function Proof({ proof }: { proof: AuditProof }) {
  return (
    <div role="status" className="audit-proof">
      <p className={proof.holds ? "tone-green" : "tone-red"}>
        <strong>{proof.holds ? "✓ As it was written" : `✗ Changed: ${plural(proof.problem_count, "place")}`}</strong> · {plural(proof.events, "event")} in {plural(proof.lanes, "chain")}, {plural(proof.checkpoints, "checkpoint")}{proof.checkpoint_at && <>, the latest <Time at={proof.checkpoint_at} /></>}
      </p>
      {proof.unchained > 0 && <p className="muted small">{formatCount(proof.unchained)} events are older than the chains: nothing shows whether they were changed.</p>}
      {!proof.checkpoint_at && <p className="muted small">Without a checkpoint a trail that was put back as a whole is not found out.</p>}
      {proof.problems.length > 0 && <ul>{proof.problems.map((one) => <li key={`${one.lane}-${one.seq}-${one.kind}`}><span className="mono">{one.kind}</span> {one.event > 0 && <>event {one.event}: </>}{one.message}</li>)}</ul>}
    </div>
  );
}

/** An operation's name; where it does not fit into a line it breaks behind the room. */
function Operation({ name }: { name: string }) {
  return name.split(/(?<=\.)/).map((part, i) => <Fragment key={i}>{i > 0 && <wbr />}{part}</Fragment>);
}

/** Who did what to which object, newest first; and whether all of it is as it was written. */
export function AuditTab() {
  const [url, setUrl] = useUrlState();
  const wanted = Object.fromEntries(FIELDS.map((field) => [field, url.get(field) ?? ""])) as Record<(typeof FIELDS)[number], string>;
  const [typed, setTyped] = useState(wanted);
  const proof = useMutation({ mutationFn: () => api.get("/api/v1/audit/proof", {}) });
  const filter = Object.fromEntries(Object.entries(wanted).filter(([, value]) => value).map(([field, value]) => [field, field === "since" ? `${value}T00:00:00Z` : field === "until" ? `${value}T23:59:59.999999Z` : value]));
  const query = useInfiniteQuery({
    queryKey: ["audit", filter],
    queryFn: ({ pageParam, signal }) => api.get("/api/v1/audit", { query: { before: pageParam, limit: 100, ...filter }, signal }),
    initialPageParam: undefined as number | undefined,
    getNextPageParam: (page) => page.next_before ?? undefined,
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setUrl(Object.fromEntries(FIELDS.map((field) => [field, typed[field].trim() || null])));
  };
  const set = (field: (typeof FIELDS)[number]) => (event: { currentTarget: { value: string } }) => {
    const { value } = event.currentTarget;
    setTyped((now) => ({ ...now, [field]: value }));
  };
  const events = query.data?.pages.flatMap((page) => page.events) ?? [];
  return (
    <>
      <form className="toolbar audit-filter" onSubmit={submit} aria-label="Filter the trail">
        <TextInput size="xs" label="Member" value={typed.actor} onChange={set("actor")} />
        <TextInput size="xs" label="Operation" placeholder="review." value={typed.operation} onChange={set("operation")} />
        <TextInput size="xs" label="Object" placeholder="id" value={typed.object_id} onChange={set("object_id")} />
        <Select size="xs" label="Outcome" data={OUTCOMES} value={typed.outcome} allowDeselect={false} onChange={(value) => setTyped((now) => ({ ...now, outcome: value ?? "" }))} />
        <TextInput size="xs" type="date" label="From" value={typed.since} onChange={set("since")} />
        <TextInput size="xs" type="date" label="To" value={typed.until} onChange={set("until")} />
        <Button size="xs" type="submit" variant="default">Show</Button>
        <Button size="xs" onClick={() => proof.mutate()} loading={proof.isPending}>Check the whole trail</Button>
      </form>
      {proof.isError && <ErrorNote error={proof.error} />}
      {proof.data && <Proof proof={proof.data} />}
      {query.isError && <ErrorNote error={query.error} />}
      {query.isPending && <Loading />}
      {query.isSuccess && events.length === 0 && <Empty title="No such event">Nothing on the trail fits.</Empty>}
      {events.length > 0 && (
        <Scroll label="Audit">
          <table className="plain-table">
            <thead><tr><th>When</th><th>Who</th><th>What</th><th className="wide">Object</th><th>Outcome</th><th className="wide">Via</th><th className="wide"><span className="sr-only">Proof</span></th></tr></thead>
            <tbody>
              {events.map((event) => (
                <tr key={event.id}>
                  <td className="muted nowrap"><Time at={event.at} /></td>
                  <td><Name>{event.actor}</Name></td>
                  <td className="mono"><Operation name={event.operation} /></td>
                  <td className="wide mono">{event.object_kind} {event.object_id}</td>
                  <td className={event.outcome === "ok" ? "tone-green" : "tone-red"}>{event.outcome}</td>
                  <td className="wide muted">{event.via} {event.address && <span className="mono small">{event.address}</span>}</td>
                  <td className="wide"><a href={`/api/v1/audit/events/${event.id}/proof`} download={`event-${event.id}.json`} aria-label={`Proof that event ${event.id} is on the trail`}>Proof</a></td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      )}
      {query.hasNextPage && <Button className="spaced" variant="default" loading={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>Older</Button>}
    </>
  );
}
