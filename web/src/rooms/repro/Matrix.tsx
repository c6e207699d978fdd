import { useState } from "react";
import { Badge } from "@/ui/Badge";
import { comparedBadge } from "@/ui/badges";
import { formatCount, plural } from "@/ui/format";
import { Scroll } from "@/ui/Scroll";
import { byKind, type CheckStatus, type InputCheck, type KindRow, type Outcome } from "./report";

const STATUSES: CheckStatus[] = ["same", "different", "unchecked"];
const SHOWN = 40;
const WORDS: Record<string, string> = { cpu_level: "CPU kernels", package_content: "package contents", variable: "environment variables", library: "shared libraries" };

const short = (text: string | null) => (text === null ? "–" : /^[0-9a-f]{40,}$/.test(text) ? <span title={text}>{text.slice(0, 12)}</span> : <bdi>{text}</bdi>);

function Items({ row }: { row: KindRow }) {
  const [all, setAll] = useState(false);
  const shown = all ? row.inputs : row.inputs.slice(0, SHOWN);
  return (
    <Scroll label={`Inputs of kind ${row.kind}`}>
      <table className="plain-table matrix-items">
        <thead><tr><th>Input</th><th>Verdict</th><th>Recorded</th><th>Rerun</th></tr></thead>
        <tbody>
          {shown.map((input) => (
            <tr key={input.name}>
              <th scope="row" className="mono"><bdi>{input.name}</bdi></th>
              <td className="nowrap"><Badge quiet spec={comparedBadge(input.status)} /></td>
              <td className="mono break">{short(input.before)}</td>
              <td className="mono break">{short(input.after)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {shown.length < row.inputs.length && <button type="button" className="link" onClick={() => setAll(true)}>Show all {formatCount(row.inputs.length)}</button>}
    </Scroll>
  );
}

function Cell({ status, n }: { status: CheckStatus; n: number }) {
  const { sign, word, tone } = comparedBadge(status);
  return <span className={n ? `matrix-cell tone-${tone}` : "matrix-cell muted"}><span aria-hidden="true" className="badge-sign">{n ? sign : "·"}</span> {formatCount(n)}<span className="sr-only"> {word}</span></span>;
}

/** The input axis: a row for each kind, opened to what it holds. */
export function Inputs({ inputs }: { inputs: InputCheck[] }) {
  const count = (status: CheckStatus) => inputs.filter((input) => input.status === status).length;
  return (
    <section className="axis" aria-label="Inputs">
      <header className="section-head"><h2>Inputs</h2><span className="muted small">{count("same")} same, {count("different")} differ, {count("unchecked")} unchecked</span></header>
      {inputs.length === 0 ? <p className="muted">The report names no inputs.</p> : (
        <>
          <div className="matrix-head muted small" aria-hidden="true"><span>Kind</span><span>same</span><span>differs</span><span>unchecked</span></div>
          {byKind(inputs).map((row) => (
            <details key={row.kind} className="matrix-row" open={row.counts.different > 0 && row.inputs.length <= SHOWN}>
              <summary>
                <span className="matrix-kind">{WORDS[row.kind] ?? row.kind}</span>
                {STATUSES.map((status) => <Cell key={status} status={status} n={row.counts[status]} />)}
              </summary>
              <Items row={row} />
            </details>
          ))}
        </>
      )}
    </section>
  );
}

/** The result axis: every metric, artifact and output that was compared. */
export function Results({ outcomes, status }: { outcomes: Outcome[]; status: string }) {
  const [all, setAll] = useState(false);
  const shown = all ? outcomes : outcomes.slice(0, SHOWN);
  return (
    <section className="axis" aria-label="Result">
      <header className="section-head"><h2>Result</h2>{status && <Badge quiet spec={comparedBadge(status)} />}</header>
      {outcomes.length === 0 ? <p className="muted">No result was compared.</p> : (
        <Scroll label="Results">
          <table className="plain-table verifications">
            <thead><tr><th>What</th><th>Verdict</th><th>Difference</th></tr></thead>
            <tbody>
              {shown.map((outcome) => (
                <tr key={`${outcome.kind} ${outcome.what}`}>
                  <th scope="row" className="mono"><bdi>{outcome.what}</bdi><span className="muted small block">{outcome.kind}</span></th>
                  <td className="nowrap"><Badge quiet spec={comparedBadge(outcome.status)} /></td>
                  <td className="muted break"><bdi>{outcome.detail || "–"}</bdi></td>
                </tr>
              ))}
            </tbody>
          </table>
          {shown.length < outcomes.length && <button type="button" className="link" onClick={() => setAll(true)}>Show all {plural(outcomes.length, "result")}</button>}
        </Scroll>
      )}
    </section>
  );
}
