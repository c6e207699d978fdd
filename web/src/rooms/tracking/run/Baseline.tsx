import { useQuery } from "@tanstack/react-query";
import { api } from "@/api/client";
import { Figure, Name, Section } from "@/ui/bits";
import { Scroll } from "@/ui/Scroll";

/** Each metric against the project's baseline, with what the seeds say about the difference. */
export function BaselineDeltas({ id }: { id: string }) {
  const { data } = useQuery({
    queryKey: ["run", id, "deltas"],
    queryFn: ({ signal }) => api.get("/api/v1/runs/{run_id}/deltas", { path: { run_id: id }, signal }),
  });
  if (!data?.baseline || data.metrics.length === 0) return null;
  return (
    <Section title="Against the baseline" aside={<span className="muted small">of <Name>{data.baseline.project}</Name></span>}>
      <Scroll label="Against the baseline">
        <table className="plain-table">
          <thead><tr><th>Metric</th><th className="num">Difference</th><th className="num">95 % interval</th><th className="num">n</th><th>Verdict</th></tr></thead>
          <tbody>
            {data.metrics.map((delta) => (
              <tr key={delta.key}>
                <th scope="row"><Name>{delta.key}</Name></th>
                <td className="num"><Figure value={delta.difference} /></td>
                <td className="num">{delta.low === null || delta.high === null ? "–" : <><Figure value={delta.low} /> to <Figure value={delta.high} /></>}</td>
                <td className="num">{delta.n} against {delta.baseline_n}</td>
                <td>{delta.verdict}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </Section>
  );
}
