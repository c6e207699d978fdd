import { Button, Checkbox, Modal, Select, Textarea } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "wouter";
import { api, type Tagged } from "@/api/client";
import type { components } from "@/api/schema";
import { Name, Time } from "./bits";
import { labelQuery } from "./labels";
import { ErrorNote } from "./states";

type Labelled = components["schemas"]["Labelled"];
type Word = Labelled["label"];

const WORDS: Record<Word, { tone: string; says: string }> = {
  public: { tone: "green", says: "Everybody may see it." },
  internal: { tone: "grey", says: "Who belongs to the team." },
  restricted: { tone: "amber", says: "Its content is read by who may read restricted data, and each reading is noted." },
  personal: { tone: "red", says: "As restricted, and it is about people." },
};
const PAGES = { dataset: "data", run: "runs", model: "models", page: "knowledge" };

/** The label that holds for a thing (`run:ID`), with where it comes from, and the way to change it. */
export function LabelChip({ thing }: { thing: string }) {
  const [opened, setOpened] = useState(false);
  const query = useQuery(labelQuery(thing));
  if (!query.data) return null;
  const { tone } = WORDS[query.data.label];
  const unfit = (query.data.uses ?? []).some((use) => use.problem);
  return (
    <>
      <button type="button" className={`badge badge-button tone-${tone} ${query.data.label === "internal" ? "badge-quiet" : ""}`} onClick={() => setOpened(true)} aria-label={`Label: ${query.data.label}`}>{query.data.label}</button>
      {unfit && <button type="button" className="badge badge-button tone-red" onClick={() => setOpened(true)}><span aria-hidden="true" className="badge-sign">✗</span> data use</button>}
      <Modal opened={opened} onClose={() => setOpened(false)} title="Label" size="lg" closeButtonProps={{ "aria-label": "Close" }}>
        {opened && <Change thing={thing} found={query.data} close={() => setOpened(false)} />}
      </Modal>
    </>
  );
}

function Change({ thing, found, close }: { thing: string; found: Tagged<Labelled>; close: () => void }) {
  const client = useQueryClient();
  const [label, setLabel] = useState<Word>(found.own ?? "internal");
  const [reason, setReason] = useState("");
  const [release, setRelease] = useState(found.released);
  const set = useMutation({
    mutationFn: () => api.put("/api/v1/labels/{thing}", { path: { thing }, body: { label, reason, release }, match: found.etag }),
    // After a refusal too: what somebody else said meanwhile is to be seen before it is tried again.
    onSettled: () => client.invalidateQueries({ queryKey: ["label"] }),
    onSuccess: close,
  });
  return (
    <form className="stack" onSubmit={(event) => { event.preventDefault(); set.mutate(); }}>
      <p><strong>{found.label}</strong>: {WORDS[found.label].says}</p>
      {found.own && <p className="muted">{found.own} by <Name>{found.set_by}</Name> <Time at={found.set_at} />{found.reason && <>: <bdi>{found.reason}</bdi></>}</p>}
      {found.because.length > 0 && (
        <>
          <p className="muted">It carries the label of what it was made of:</p>
          <ul className="plain-list">
            {found.because.map((one) => <li key={`${one.kind} ${one.id}`}>{one.label} from {one.kind} {one.name ? <Link href={`/${PAGES[one.kind]}/${encodeURIComponent(one.kind === "model" ? one.name : one.id)}`}><bdi>{one.name}</bdi></Link> : "that you may not see"}</li>)}
          </ul>
        </>
      )}
      {found.uses && found.uses.length > 0 && (
        <>
          <p className="muted">Restricted data that it read:</p>
          <ul className="plain-list">
            {found.uses.map((use) => (
              <li key={use.dataset}>
                <span className={use.problem ? "tone-red" : "tone-green"}>{use.problem ? "✗" : "✓"}</span> {use.label} {use.id ? <Link href={`/data/${encodeURIComponent(use.id)}`}><bdi>{use.dataset}</bdi></Link> : <bdi>{use.dataset}</bdi>}: <bdi>{use.problem || "its purpose is one of theirs"}</bdi>
              </li>
            ))}
          </ul>
        </>
      )}
      {found.terms && <p className="muted">May be used for: <bdi>{found.terms.purposes.join("; ") || "nothing yet"}</bdi>{found.terms.legal_basis && <>, on the ground of <bdi>{found.terms.legal_basis}</bdi></>}{found.terms.expires_on && <>, up to {found.terms.expires_on}</>}.</p>}
      <Select label="Its own label" data={Object.keys(WORDS)} value={label} allowDeselect={false} onChange={(value) => setLabel((value ?? "internal") as Word)} description={WORDS[label].says} />
      <Checkbox label="It carries nothing of what it was made of" checked={release} onChange={(event) => setRelease(event.currentTarget.checked)} />
      <Textarea label="Reason" value={reason} onChange={(event) => setReason(event.currentTarget.value)} description="Needed for a lower label, and where nothing is carried." autosize minRows={2} />
      {set.isError && <ErrorNote error={set.error} />}
      <div><Button type="submit" loading={set.isPending}>Set label</Button></div>
    </form>
  );
}
