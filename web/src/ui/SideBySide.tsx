import { alignLines } from "./alignLines";

const SHOWN = 200;

/** Two texts beside each other, line by line; what differs is marked with a sign on its side. */
export function SideBySide({ before, after, heads, label }: { before: string; after: string; heads: [string, string]; label: string }) {
  const rows = alignLines(before, after);
  return (
    <div className="side-by-side" role="region" tabIndex={0} aria-label={label}>
      <table>
        <colgroup><col className="side-sign" /><col /><col className="side-sign" /><col /></colgroup>
        <thead><tr><th colSpan={2}><bdi>{heads[0]}</bdi></th><th colSpan={2}><bdi>{heads[1]}</bdi></th></tr></thead>
        <tbody>
          {rows.slice(0, SHOWN).map((row, i) => (
            <tr key={i}>
              <td className="diff-no">{row.before !== null && !row.same ? "−" : ""}</td>
              <td className={row.before === null ? "side-none" : row.same ? "" : "diff-del"}>{row.before ?? ""}</td>
              <td className="diff-no">{row.after !== null && !row.same ? "+" : ""}</td>
              <td className={row.after === null ? "side-none" : row.same ? "" : "diff-add"}>{row.after ?? ""}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {rows.length > SHOWN && <p className="muted small">{rows.length - SHOWN} more lines.</p>}
    </div>
  );
}
