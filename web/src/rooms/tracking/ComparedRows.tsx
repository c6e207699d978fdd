import type { ComparedRow, Run } from "@/api/types";
import { Name, Section } from "@/ui/bits";
import { formatNumber, formatValue } from "@/ui/format";
import { Scroll } from "@/ui/Scroll";

const shown = (value: unknown, numeric: boolean) => (numeric && typeof value === "number" ? formatNumber(value) : formatValue(value));

function differs(values: unknown[], i: number): boolean {
  return i > 0 && JSON.stringify(values[i]) !== JSON.stringify(values[0]);
}

/** Rows of a comparison with one column a run. What is not the first run's is marked; figures always differ, so they are not. */
export function ComparedRows({ title, rows, runs, all, numeric = false }: {
  title: string;
  rows: ComparedRow[];
  runs: Run[];
  all: boolean;
  numeric?: boolean;
}) {
  const visible = all ? rows : rows.filter((row) => row.differs);
  const same = rows.length - rows.filter((row) => row.differs).length;
  return (
    <Section title={title} aside={<span className="muted small">{rows.length - same} differ, {same} same</span>}>
      {visible.length === 0 ? <p className="muted">{rows.length ? "Nothing differs." : "Nothing to compare."}</p> : (
        <Scroll label={title}>
          <table className="plain-table compare-table">
            <thead><tr><th scope="col">Key</th>{runs.map((run) => <th scope="col" key={run.id} className={numeric ? "num" : undefined}><Name>{run.name || run.id}</Name></th>)}</tr></thead>
            <tbody>
              {visible.map((row) => (
                <tr key={row.key}>
                  <th scope="row" className="mono">{row.key}</th>
                  {row.values.map((value, i) => (
                    <td key={runs[i]?.id ?? i} className={`mono break${numeric ? " num" : ""}${!numeric && differs(row.values, i) ? " differs" : ""}`} title={formatValue(value)}>
                      {!numeric && differs(row.values, i) && <span className="sr-only">differs: </span>}{shown(value, numeric)}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      )}
    </Section>
  );
}
