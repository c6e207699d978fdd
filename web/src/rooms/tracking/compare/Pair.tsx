import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { api } from "@/api/client";
import { explanationsQuery } from "@/api/repro";
import type { Run } from "@/api/types";
import { Section } from "@/ui/bits";
import { Diffs } from "@/ui/Diff";
import { Explanations } from "@/ui/Explanations";
import { Loaded } from "@/ui/states";
import { useUrlState } from "@/ui/urlState";
import { ComparedRows } from "../ComparedRows";

function RunPicker({ label, value, runs, onChange }: { label: string; value: string; runs: Run[]; onChange: (id: string) => void }) {
  return (
    <label className="inline-field">
      <span>{label}</span>
      <select className="plain-select" aria-label={label} value={value} onChange={(event) => onChange(event.currentTarget.value)}>
        {runs.map((run) => <option key={run.id} value={run.id}>{run.name || run.id}</option>)}
      </select>
    </label>
  );
}

/** What reruns have shown of the two, or how to find out. */
function Why({ first, second }: { first: string; second: string }) {
  const { data } = useQuery({ ...explanationsQuery(first), enabled: first !== "" });
  if (first === second || !data) return null;
  const lines = data.filter((line) => [line.first_id, line.second_id].includes(second) && line.first_id !== line.second_id);
  if (lines.length > 0) return <Explanations lines={lines} runId={first} />;
  return <p className="muted small spaced">Which of the differences makes the results differ is found out by reruns: <code>runward why {first} {second}</code></p>;
}

/** Any two of the runs: configuration, environment, and code line by line. */
export default function Pair({ runs, all }: { runs: Run[]; all: boolean }) {
  const [url, setUrl] = useUrlState();
  const known = (id: string | null) => (runs.some((run) => run.id === id) ? id : null);
  const [first, second] = [known(url.get("a")) ?? runs[0]?.id ?? "", known(url.get("b")) ?? runs[1]?.id ?? ""];
  const query = useQuery({
    queryKey: ["comparison", [first, second]],
    queryFn: ({ signal }) => api.get("/api/v1/comparisons", { query: { run_ids: [first, second] }, signal }),
    placeholderData: keepPreviousData,
  });
  return (
    <>
      <div className="toolbar">
        <RunPicker label="From" value={first} runs={runs} onChange={(a) => setUrl({ a })} />
        <RunPicker label="To" value={second} runs={runs} onChange={(b) => setUrl({ b })} />
        <button type="button" className="chip" onClick={() => setUrl({ a: second, b: first })}>⇄ Swap</button>
      </div>
      <Why first={first} second={second} />
      <Loaded query={query} rows={10}>
        {(found) => (
          <>
            <Section title="Code"><Diffs files={found.code} none="The same code, or code was not captured for both." /></Section>
            <ComparedRows title="Configuration" rows={found.params} runs={found.runs} all={all} />
            <ComparedRows title="Environment" rows={found.environment} runs={found.runs} all={all} />
          </>
        )}
      </Loaded>
    </>
  );
}
