import type { ValueChange } from "@/api/types";
import { formatValue } from "./format";
import { Scroll } from "./Scroll";

const SIGNS: Record<ValueChange["how"], [sign: string, tone: string]> = {
  added: ["+", "tone-green"], removed: ["−", "tone-red"], changed: ["≠", "tone-amber"],
};

function Value({ value, shown }: { value: unknown; shown: boolean }) {
  return <td className="mono break">{shown ? <bdi>{formatValue(value)}</bdi> : <span className="muted">–</span>}</td>;
}

/** What differs between two documents, key by key. */
export function ValueChanges({ changes, before, after }: { changes: ValueChange[]; before: string; after: string }) {
  if (changes.length === 0) return <p className="muted">Nothing differs.</p>;
  return (
    <Scroll label="Changes">
      <table className="plain-table">
        <thead><tr><th>Key</th><th>{before}</th><th>{after}</th></tr></thead>
        <tbody>
          {changes.map((change) => {
            const [sign, tone] = SIGNS[change.how];
            return (
              <tr key={change.key}>
                <th scope="row" className="mono break"><span className={tone} title={change.how}>{sign}<span className="sr-only"> {change.how}</span></span> <bdi>{change.key}</bdi></th>
                <Value value={change.before} shown={change.how !== "added"} />
                <Value value={change.after} shown={change.how !== "removed"} />
              </tr>
            );
          })}
        </tbody>
      </table>
    </Scroll>
  );
}
