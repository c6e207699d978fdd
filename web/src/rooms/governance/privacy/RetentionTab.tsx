import { Button, Checkbox, NumberInput, Select } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "@/api/client";
import type { RetentionRule } from "@/api/types";
import { Name, Section, Time } from "@/ui/bits";
import { formatBytes, formatCount, plural } from "@/ui/format";
import { Scroll } from "@/ui/Scroll";
import { Empty, ErrorNote, Loaded } from "@/ui/states";
import { Holds } from "./Holds";

type Kind = RetentionRule["kind"];
const KINDS = ["runs", "artifacts", "tables", "logs"];
const projectsQuery = { queryKey: ["projects"], queryFn: ({ signal }: { signal: AbortSignal }) => api.get("/api/v1/projects", { signal }) };
const KEY = ["retention"];

/** Says how long a project keeps things. */
function NewRule({ etag }: { etag: string }) {
  const client = useQueryClient();
  const projects = useQuery(projectsQuery);
  const [project, setProject] = useState<string | null>(null);
  const [kind, setKind] = useState<Kind>("artifacts");
  const [days, setDays] = useState(90);
  const [keep, setKeep] = useState(false);
  const [results, setResults] = useState(false);
  const set = useMutation({
    mutationFn: () => api.put("/api/v1/projects/{project}/retention/{kind}", { path: { project: (project ?? "").replaceAll("/", ":"), kind }, body: { after_days: keep ? null : days, results }, match: etag }),
    onSettled: () => client.invalidateQueries({ queryKey: KEY }),
  });
  return (
    <Section title="Set a rule">
      <form className="field-row" onSubmit={(event) => { event.preventDefault(); set.mutate(); }}>
        <Select size="xs" label="Project, with those below it" searchable required data={(projects.data ?? []).map((one) => one.path)} value={project} onChange={setProject} />
        <Select size="xs" label="What" data={KINDS} value={kind} allowDeselect={false} onChange={(value) => setKind((value ?? "artifacts") as Kind)} />
        <NumberInput size="xs" label="Days after a run’s end" min={0} max={36500} clampBehavior="strict" disabled={keep} value={days} onChange={(value) => typeof value === "number" && setDays(value)} />
        <Button type="submit" size="xs" disabled={!project} loading={set.isPending}>Set</Button>
      </form>
      <div className="stack spaced">
        <Checkbox size="xs" label="Keep for ever, whatever a project above says" checked={keep} onChange={(event) => setKeep(event.currentTarget.checked)} />
        <Checkbox size="xs" label="Take team results and registered versions, and what they were made of, too" checked={results} onChange={(event) => setResults(event.currentTarget.checked)} />
      </div>
      <p className="muted small">From a command line: <code>runward retention set {project ?? "PROJECT"} --kind {kind} {keep ? "--keep" : `--after ${days}d`}{results ? " --results" : ""}</code></p>
      {set.isError && <ErrorNote error={set.error} />}
    </Section>
  );
}

/** What the rules would take now. */
function Due() {
  const client = useQueryClient();
  const query = useQuery({ queryKey: [...KEY, "due"], queryFn: ({ signal }) => api.get("/api/v1/retention/due", { signal }) });
  const apply = useMutation({
    mutationFn: () => api.post("/api/v1/retention/applications", {}),
    onSuccess: () => client.invalidateQueries({ queryKey: KEY }),
  });
  const some = (query.data ?? []).some((one) => one.runs > 0);
  return (
    <Section title="Over their time" aside={some && <Button size="xs" variant="default" loading={apply.isPending} onClick={() => apply.mutate()}>Put out of sight now</Button>}>
      {apply.isError && <ErrorNote error={apply.error} />}
      <Loaded query={query} rows={2}>
        {(found) => found.length === 0 ? <p className="muted">Nothing. The server looks every hour; what it takes can be brought back until <code>runward gc</code> is past its grace.</p> : (
          <Scroll label="Over their time">
            <table className="plain-table card-table">
              <thead><tr><th>Project</th><th>What</th><th>Stays</th><th>Goes</th><th>Bytes</th></tr></thead>
              <tbody>
                {found.map((one) => (
                  <tr key={`${one.project} ${one.kind}`}>
                    <th scope="row" className="break"><Name>{one.project}</Name></th>
                    <td data-label="What">{one.kind}</td>
                    <td data-label="Stays" className="muted">{[one.spared_results > 0 && `${plural(one.spared_results, "run")} for results`, one.spared_held > 0 && `${plural(one.spared_held, "run")} under a hold`].filter(Boolean).join(", ") || "–"}</td>
                    <td data-label="Goes">{formatCount(one.items)} {one.kind === "runs" ? "" : `from ${plural(one.runs, "run")}`}</td>
                    <td data-label="Bytes" className="nowrap">{formatBytes(one.bytes)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </Scroll>
        )}
      </Loaded>
    </Section>
  );
}

function Rule({ rule, etag }: { rule: RetentionRule; etag: string }) {
  const client = useQueryClient();
  const remove = useMutation({
    mutationFn: () => api.delete("/api/v1/projects/{project}/retention/{kind}", { path: { project: rule.project.replaceAll("/", ":"), kind: rule.kind }, match: etag }),
    onSettled: () => client.invalidateQueries({ queryKey: KEY }),
  });
  return (
    <tr>
      <th scope="row" className="break"><Name>{rule.project}</Name></th>
      <td data-label="What">{rule.kind}</td>
      <td data-label="How long">{rule.after_days === null ? "for ever" : `${plural(rule.after_days, "day")} after a run’s end`}</td>
      <td data-label="Results" className={rule.results ? "tone-amber" : "muted"}>{rule.results ? "go too" : "stay"}</td>
      <td className="wide muted"><Name>{rule.author}</Name>, <Time at={rule.at} /></td>
      <td>
        <Button size="compact-xs" variant="subtle" color="red" loading={remove.isPending} onClick={() => remove.mutate()} aria-label={`Remove the rule for ${rule.kind} of ${rule.project}`}>Remove</Button>
        {remove.isError && <ErrorNote error={remove.error} />}
      </td>
    </tr>
  );
}

/** How long things are kept, what is over its time, and what must stay. */
export function RetentionTab({ manages }: { manages: boolean }) {
  const query = useQuery({ queryKey: KEY, queryFn: ({ signal }) => api.get("/api/v1/retention", { signal }) });
  return (
    <>
      <Loaded query={query}>
        {(rules) => rules.length === 0 ? (
          <Empty title="Everything is kept" language="shell" code={"runward retention set PROJECT --kind artifacts --after 90d"}>No project says how long. A rule counts for the project and those below it; the nearest one decides.</Empty>
        ) : (
          <Scroll label="Rules">
            <table className="plain-table card-table">
              <thead><tr><th>Project</th><th>What</th><th>How long</th><th>Results</th><th className="wide">Set by</th><th><span className="sr-only">What can be done</span></th></tr></thead>
              <tbody>{rules.map((rule) => <Rule key={`${rule.project} ${rule.kind}`} rule={rule} etag={rules.etag} />)}</tbody>
            </table>
          </Scroll>
        )}
      </Loaded>
      <div className="spaced">
        {query.data && <NewRule etag={query.data.etag} />}
        {manages && <Due />}
        {manages && <Holds />}
      </div>
    </>
  );
}
