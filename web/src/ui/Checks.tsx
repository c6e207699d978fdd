import { Button, TextInput } from "@mantine/core";
import { useState } from "react";
import type { CheckResult } from "@/api/types";
import { Badge } from "./Badge";
import { VERDICTS } from "./badges";
import { formatNumber } from "./format";

type Item = CheckResult["evidence"][number];
const GROUPS = { gate: "Gates", code: "Code", custom: "The project’s own" } as const;
const RANK = ["fail", "undecided", "needs_person", "warn", "pass"];
const SHOWN = 12;

function place(item: Item): string {
  if (item.file) return item.line ? `${item.file}:${item.line}` : item.file;
  return item.metric ? `${item.metric}${item.value === null || item.value === undefined ? "" : ` = ${formatNumber(item.value)}`}` : "";
}

function Evidence({ items }: { items: Item[] }) {
  return (
    <ul className="evidence">
      {items.slice(0, SHOWN).map((item, i) => (
        <li key={i}>{place(item) && <code>{place(item)}</code>} {item.message}</li>
      ))}
      {items.length > SHOWN && <li className="muted">{items.length - SHOWN} more: <code>runward review show</code> lists them all.</li>}
    </ul>
  );
}

type WaiveCheck = (check: string, reason: string) => void;

/** Lets a required check that does not hold not count, for a reason. */
function Waive({ check, waive }: { check: string; waive: WaiveCheck }) {
  const [asked, setAsked] = useState(false);
  const [reason, setReason] = useState("");
  if (!asked) return <button type="button" className="link small waive" onClick={() => setAsked(true)}>Waive</button>;
  return (
    <form className="waive" onSubmit={(event) => { event.preventDefault(); if (reason.trim()) waive(check, reason); }}>
      <TextInput size="xs" data-autofocus aria-label={`Why ${check} does not have to hold`} placeholder="Why it does not have to hold here" value={reason} onChange={(event) => setReason(event.currentTarget.value)} />
      <Button size="compact-xs" type="submit" variant="default" disabled={!reason.trim()}>Waive</Button>
      <Button size="compact-xs" variant="subtle" onClick={() => setAsked(false)}>Cancel</Button>
    </form>
  );
}

/** Checks by group, what fails first, each with where it was seen. */
export function Checks({ checks, waive }: { checks: CheckResult[]; waive?: WaiveCheck }) {
  if (checks.length === 0) return <p className="muted">No check ran yet. None is assumed to hold.</p>;
  const groups = Object.entries(GROUPS).map(([group, title]) => ({
    title,
    checks: checks.filter((check) => check.group === group).sort((a, b) => RANK.indexOf(a.verdict) - RANK.indexOf(b.verdict)),
  }));
  const shown = groups.filter((group) => group.checks.length > 0);
  return (
    <>
      {shown.map((group) => (
        <div key={group.title} className="check-group">
          {shown.length > 1 && <h3>{group.title}</h3>}
          {group.checks.map((check) => (
            <details key={check.name} className="check" open={check.verdict !== "pass" && (check.evidence.length > 0 || check.required)}>
              <summary>
                <Badge spec={VERDICTS[check.verdict] ?? { sign: "?", word: check.verdict, tone: "grey", meaning: check.verdict }} quiet />
                <span className="check-name">{check.name.replaceAll("_", " ")}{check.required && <span className="muted small"> required</span>}{check.waived && <span className="small tone-amber"> waived</span>}</span>
              </summary>
              <p className="small">{check.message}</p>
              {check.waived && <p className="small">Waived: {check.waived}</p>}
              {check.evidence.length > 0 && <Evidence items={check.evidence} />}
              {waive && check.required && !check.waived && !["pass", "warn"].includes(check.verdict) && check.name !== "finished" && <Waive check={check.name} waive={waive} />}
            </details>
          ))}
        </div>
      ))}
    </>
  );
}
