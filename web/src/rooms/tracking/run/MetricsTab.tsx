import { TextInput } from "@mantine/core";
import type { RunDetail } from "@/api/types";
import { ChartPanel } from "@/ui/chart/ChartPanel";
import { plural } from "@/ui/format";
import { Empty } from "@/ui/states";
import { useUrlState } from "@/ui/urlState";
import { ChartControls } from "../ChartControls";
import { useChartState } from "../chartState";
import { useLines } from "../lines";

const AT_ONCE = 24;

/** All curves of the run: zoom, axis and smoothing are part of the address. */
export default function MetricsTab({ detail }: { detail: RunDetail }) {
  const [url, setUrl] = useUrlState();
  const wanted = url.get("m") ?? "";
  const state = useChartState();
  const matching = detail.metrics.filter((metric) => metric.key.toLowerCase().includes(wanted.toLowerCase())).map((metric) => metric.key);
  const keys = matching.slice(0, AT_ONCE);
  const charts = useLines([detail.run], keys, 800);
  if (detail.metrics.length === 0) {
    return <Empty title="No metric logged" code={`run.log_metrics({"loss": loss}, step=step)`}>Curves are drawn here while the run logs them.</Empty>;
  }
  return (
    <>
      <div className="toolbar">
        <TextInput className="grow" data-filter placeholder="Filter metrics  ( / )" aria-label="Filter metrics by name" value={wanted}
          onChange={(event) => setUrl({ m: event.currentTarget.value })} />
        <ChartControls />
        <span className="muted">{plural(matching.length, "metric")}</span>
      </div>
      <div className="charts">
        {charts.map(({ key, lines }) => (
          <ChartPanel key={key} title={key} lines={lines} height={220} {...state} />
        ))}
      </div>
      {matching.length > AT_ONCE && <p className="muted">{matching.length - AT_ONCE} more: filter by name to see them.</p>}
    </>
  );
}
