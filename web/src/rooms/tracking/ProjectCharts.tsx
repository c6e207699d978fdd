import type { Run } from "@/api/types";
import { ChartPanel } from "@/ui/chart/ChartPanel";
import { useLines } from "./lines";

/** Curves of the first metrics, for the selected runs or else the first ones of the table. */
export function ProjectCharts({ runs, chosen, chosenByHand }: { runs: Run[]; chosen: string[]; chosenByHand: boolean }) {
  const named = chosen.filter((id) => id.startsWith("metrics.")).map((id) => id.slice("metrics.".length));
  const keys = named.filter((key) => runs.some((run) => (run.metrics[key]?.n ?? 0) > 1)).slice(0, 3);
  const charts = useLines(runs, keys, 400);
  if (keys.length === 0) return null;
  return (
    <section className="strip" aria-label={chosenByHand ? "Charts of the selected runs" : "Charts of the first runs"}>
      <div className="charts">
        {charts.map(({ key, lines }) => <ChartPanel key={key} title={key} lines={lines} height={150} linkOf={(line) => `/runs/${line.id}`} />)}
      </div>
    </section>
  );
}
