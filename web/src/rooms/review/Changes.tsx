import { Link } from "wouter";
import type { ReviewDetail } from "@/api/types";
import { Facts, Figure, Section } from "@/ui/bits";
import { Diffs } from "@/ui/Diff";
import { formatCount, formatValue } from "@/ui/format";
import { Scroll } from "@/ui/Scroll";

/** What the review is about: figures, parameters, code. */
export function Changes({ detail: { run, changes } }: { detail: ReviewDetail }) {
  const metrics = Object.values(run.metrics);
  const params = Object.entries(run.params);
  return (
    <div>
      <Section title="Metrics" aside={<Link href={`/runs/${run.id}/metrics`}>Curves</Link>}>
        {metrics.length === 0 ? <p className="muted">The run logged none.</p> : (
          <Scroll label="Metrics">
            <table className="plain-table">
              <thead><tr><th>Metric</th><th className="num">Last</th><th className="num">Min</th><th className="num">Max</th><th className="num">Points</th></tr></thead>
              <tbody>
                {metrics.map((metric) => (
                  <tr key={metric.key}>
                    <th scope="row"><Link href={`/runs/${run.id}/metrics?m=${encodeURIComponent(metric.key)}`}>{metric.key}</Link></th>
                    <td className="num"><Figure value={metric.last} special={metric.last_special} /></td>
                    <td className="num"><Figure value={metric.min} /></td>
                    <td className="num"><Figure value={metric.max} /></td>
                    <td className="num">{formatCount(metric.n)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </Scroll>
        )}
      </Section>
      <Section title="Parameters" aside={<Link href={`/runs/${run.id}/config`}>With their origins</Link>}>
        {params.length ? <Facts rows={params.map(([key, value]) => [key, <span key="v" className="mono">{formatValue(value)}</span>])} /> : <p className="muted">The run was given none.</p>}
      </Section>
      <Section title="Code that was not committed" aside={<Link href={`/runs/${run.id}/code`}>All code</Link>}>
        <Diffs files={changes} none={run.commit ? `None: the run is commit ${run.commit.slice(0, 8)} as it stands.` : "No difference was captured."} />
      </Section>
    </div>
  );
}
