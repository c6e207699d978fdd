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

/** Checks by group, what fails first, each with where it was seen. */
export function Checks({ checks }: { checks: CheckResult[] }) {
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
            <details key={check.name} className="check" open={check.verdict !== "pass" && check.evidence.length > 0}>
              <summary>
                <Badge spec={VERDICTS[check.verdict] ?? { sign: "?", word: check.verdict, tone: "grey", meaning: check.verdict }} quiet />
                <span className="check-name">{check.name.replaceAll("_", " ")}{check.required && <span className="muted small"> required</span>}</span>
              </summary>
              <p className="small">{check.message}</p>
              {check.evidence.length > 0 && <Evidence items={check.evidence} />}
            </details>
          ))}
        </div>
      ))}
    </>
  );
}
