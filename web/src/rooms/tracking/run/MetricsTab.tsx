import { TextInput } from "@mantine/core";
import type { RunDetail } from "@/api/types";
import { ChartPanel } from "@/ui/chart/ChartPanel";
import type { Line } from "@/ui/chart/types";
import { plural } from "@/ui/format";
import { Empty } from "@/ui/states";
import { useUrlState } from "@/ui/urlState";
import { ChartControls } from "../ChartControls";
import { useChartState } from "../chartState";
import { TalkButton, useTalk } from "../comments/TalkButton";
import { useLines } from "../lines";

const AT_ONCE = 24;

const SAID = 160;

function TalkedAbout({ run, title, lines }: { run: string; title: string; lines: Line[] }) {
  const state = useChartState();
  const about = { kind: "chart" as const, key: title };
  const talk = useTalk(run, about);
  const marks = talk.threads.flatMap(({ first, answers }) =>
    first.anchor.step == null ? [] : [{ id: first.id, step: first.anchor.step, count: 1 + answers.length, text: `${first.author}: ${first.removed ? "(removed)" : first.body.slice(0, SAID)}` }]);
  return (
    <ChartPanel title={title} lines={lines} height={220} {...state} marks={marks} onMark={talk.show} onPick={talk.isOpen ? talk.pick : undefined} onTalk={talk.toggle}
      aside={<TalkButton run={run} about={about} />} />
  );
}

/** All curves of the run: zoom, axis and smoothing are part of the address. */
export default function MetricsTab({ detail }: { detail: RunDetail }) {
  const [url, setUrl] = useUrlState();
  const wanted = url.get("m") ?? "";
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
        {charts.map(({ key, lines }) => <TalkedAbout key={key} run={detail.run.id} title={key} lines={lines} />)}
      </div>
      {matching.length > AT_ONCE && <p className="muted">{matching.length - AT_ONCE} more: filter by name to see them.</p>}
    </>
  );
}
