import { Checkbox, Slider, TextInput } from "@mantine/core";
import type { RunDetail } from "@/api/types";
import { ChartPanel } from "@/ui/chart/ChartPanel";
import { plural } from "@/ui/format";
import { Empty } from "@/ui/states";
import { useUrlState } from "@/ui/urlState";
import { rangeOf } from "../chartState";
import { useLines } from "../lines";

const AT_ONCE = 24;

/** All curves of the run: zoom, axis and smoothing are part of the address. */
export default function MetricsTab({ detail }: { detail: RunDetail }) {
  const [url, setUrl] = useUrlState();
  const wanted = url.get("m") ?? "";
  const log = url.get("log") === "1";
  const weight = Number(url.get("smooth") ?? 0);
  const matching = detail.metrics.filter((metric) => metric.key.toLowerCase().includes(wanted.toLowerCase())).map((metric) => metric.key);
  const keys = matching.slice(0, AT_ONCE);
  const charts = useLines([detail.run], keys, 800);
  const range = rangeOf(url);
  if (detail.metrics.length === 0) {
    return <Empty title="No metric logged" code={`run.log_metrics({"loss": loss}, step=step)`}>Curves are drawn here while the run logs them.</Empty>;
  }
  return (
    <>
      <div className="toolbar">
        <TextInput className="grow" data-filter placeholder="Filter metrics  ( / )" aria-label="Filter metrics by name" value={wanted}
          onChange={(event) => setUrl({ m: event.currentTarget.value })} />
        <Checkbox size="xs" label="Logarithmic" checked={log} onChange={() => setUrl({ log: log ? null : "1" })} />
        <span className="slider-label" id="smoothing">Smoothing {weight.toFixed(2)}</span>
        <Slider className="slider" size="sm" min={0} max={0.99} step={0.01} label={null} value={weight} thumbLabel="Smoothing"
          onChange={(value) => setUrl({ smooth: value ? String(value) : null })} />
        {range && <button type="button" className="chip" onClick={() => setUrl({ x: null })}>steps {range[0]}–{range[1]} ×</button>}
        <span className="muted">{plural(matching.length, "metric")}</span>
      </div>
      <div className="charts">
        {charts.map(({ key, lines }) => (
          <ChartPanel key={key} title={key} lines={lines} log={log} weight={weight} range={range} height={220}
            onRange={(next) => setUrl({ x: next ? next.join("..") : null })} />
        ))}
      </div>
      {matching.length > AT_ONCE && <p className="muted">{matching.length - AT_ONCE} more: filter by name to see them.</p>}
    </>
  );
}
