import { Link } from "wouter";
import type { FileChange, Run } from "@/api/types";
import { Marks } from "@/ui/Badge";
import { Figure, Name, Section } from "@/ui/bits";
import { formatValue, plural } from "@/ui/format";
import { Scroll } from "@/ui/Scroll";
import { differing, meanAndSpread } from "./groups";

const SHOWN = 6;

/** The runs of a result that are reviewed as one: what differs between them, and what all of them measured. */
export function Group({ runs }: { runs: Run[] }) {
  const params = differing(runs).slice(0, SHOWN);
  const keys = [...new Set(runs.flatMap((run) => Object.keys(run.metrics)))].sort();
  const metrics = keys.slice(0, SHOWN);
  const seeds = new Set(runs.map((run) => run.seed)).size > 1;
  const before = 1 + params.length + Number(seeds);
  return (
    <Section title="Runs of this result" aside={<Link href={`/compare?${runs.map((run) => `run=${run.id}`).join("&")}`}>Compare {runs.length}</Link>}>
      <Scroll label="Runs of this result">
        <table className="plain-table">
          <thead><tr><th>Run</th>{seeds && <th className="num">Seed</th>}{params.map((key) => <th key={key}>{key}</th>)}{metrics.map((key) => <th key={key} className="num">{key}</th>)}<th>Trust</th></tr></thead>
          <tbody>
            {runs.map((run) => (
              <tr key={run.id}>
                <th scope="row"><Link href={`/runs/${run.id}`}><Name>{run.name || run.id}</Name></Link></th>
                {seeds && <td className="num">{run.seed ?? "–"}</td>}
                {params.map((key) => <td key={key} className="mono">{run.params && key in run.params ? formatValue(run.params[key]) : "∅"}</td>)}
                {metrics.map((key) => <td key={key} className="num"><Figure value={run.metrics[key]?.last} special={run.metrics[key]?.last_special} /></td>)}
                <td><Marks run={run} without="review" /></td>
              </tr>
            ))}
          </tbody>
          <tfoot>
            <tr>
              <th scope="row" colSpan={before}>Mean ± standard deviation</th>
              {metrics.map((key) => {
                const found = meanAndSpread(runs.map((run) => run.metrics[key]?.last));
                return <td key={key} className="num">{found ? <><Figure value={found.mean} /> ± <Figure value={found.spread} /></> : "–"}</td>;
              })}
              <td />
            </tr>
          </tfoot>
        </table>
      </Scroll>
      {keys.length > SHOWN && <p className="muted small">{plural(keys.length - SHOWN, "more metric")} under Compare.</p>}
    </Section>
  );
}

/** Of the changes of a review those that tell the code of further runs from the first run's. */
export const ofFurther = (changes: FileChange[], further: Run[]): FileChange[] =>
  changes.filter(({ path }) => further.some((run) => path.endsWith(` (${run.name})`) || path.endsWith(` (${run.name} ${run.id})`)));
