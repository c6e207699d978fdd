import { useState } from "react";
import { Badge } from "@/ui/Badge";
import type { BadgeSpec } from "@/ui/badges";
import { Section } from "@/ui/bits";
import { plural } from "@/ui/format";
import { type InputCheck, type Outcome, sortedInputs } from "./report";
import { Scroll } from "@/ui/Scroll";

const STATUS: Record<string, BadgeSpec> = {
  same: { sign: "≡", word: "same", tone: "green", meaning: "Both runs had the same." },
  identical: { sign: "≡", word: "identical", tone: "green", meaning: "Bit for bit the same." },
  within_tolerance: { sign: "≈", word: "within tolerance", tone: "green", meaning: "Within the stated margin." },
  different: { sign: "≠", word: "differs", tone: "amber", meaning: "The two runs had different values." },
  missing: { sign: "∅", word: "missing", tone: "amber", meaning: "The rerun did not produce it." },
  added: { sign: "+", word: "added", tone: "amber", meaning: "Only the rerun produced it." },
  unchecked: { sign: "?", word: "unchecked", tone: "grey", meaning: "It could not be compared." },
};

const badge = (status: string) => <Badge quiet spec={STATUS[status] ?? { sign: "?", word: status, tone: "grey", meaning: status }} />;
const SHOWN = 40;

/** Inputs × same, differs, unchecked. */
export function Inputs({ inputs }: { inputs: InputCheck[] }) {
  const [all, setAll] = useState(false);
  const rows = sortedInputs(inputs);
  const shown = all ? rows : rows.slice(0, SHOWN);
  const count = (status: string) => inputs.filter((input) => input.status === status).length;
  return (
    <Section title="Inputs" aside={<span className="muted small">{count("same")} same, {count("different")} differ, {count("unchecked")} unchecked</span>}>
      {rows.length === 0 ? <p className="muted">The report names no inputs.</p> : (
        <Scroll label="Inputs">
          <table className="plain-table">
            <thead><tr><th>Kind</th><th>Input</th><th>Verdict</th><th className="wide">Before</th><th className="wide">After</th></tr></thead>
            <tbody>
              {shown.map((input) => (
                <tr key={`${input.kind} ${input.name}`}>
                  <td className="muted">{input.kind}</td>
                  <th scope="row" className="mono">{input.name}</th>
                  <td className="nowrap">{badge(input.status)}</td>
                  <td className="wide mono break clip">{input.before ?? "–"}</td>
                  <td className="wide mono break clip">{input.after ?? "–"}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      )}
      {!all && rows.length > SHOWN && <button type="button" className="link" onClick={() => setAll(true)}>Show all {plural(rows.length, "input")}</button>}
    </Section>
  );
}

/** Every compared result. */
export function Results({ outcomes }: { outcomes: Outcome[] }) {
  if (outcomes.length === 0) return <Section title="Result"><p className="muted">No result was compared.</p></Section>;
  return (
    <Section title="Result">
      <table className="plain-table">
        <thead><tr><th>What</th><th>Verdict</th><th className="wide">Difference</th></tr></thead>
        <tbody>
          {outcomes.map((outcome) => (
            <tr key={outcome.what}>
              <th scope="row" className="mono">{outcome.what}</th>
              <td className="nowrap">{badge(outcome.status)}</td>
              <td className="wide muted">{outcome.detail || "–"}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Section>
  );
}
