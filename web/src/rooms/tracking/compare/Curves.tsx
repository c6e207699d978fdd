import { TextInput } from "@mantine/core";
import { useMemo } from "react";
import type { Differences } from "@/api/types";
import { ChartPanel } from "@/ui/chart/ChartPanel";
import { plural } from "@/ui/format";
import { useUrlState } from "@/ui/urlState";
import { ChartControls } from "../ChartControls";
import { useChartState } from "../chartState";
import { useLines } from "../lines";
import { ColorPicker, Shades, useColoring } from "./Coloured";
import { colored } from "./coloring";
import { curveKeys } from "./differences";

const AT_ONCE = 12;
const POINTS = 60_000;

/** Pixel columns asked for: many curves share what a screen can show, a single one gets all of it. */
const widthFor = (curves: number): number => Math.max(60, Math.min(600, Math.round(POINTS / Math.max(1, curves))));

/** The curves of all compared runs, one chart a metric. */
export default function Curves({ found }: { found: Differences }) {
  const [url, setUrl] = useUrlState();
  const state = useChartState();
  const wanted = url.get("m") ?? "";
  const keys = useMemo(() => curveKeys(found).filter((key) => key.toLowerCase().includes(wanted.toLowerCase())), [found, wanted]);
  const shown = keys.slice(0, AT_ONCE);
  const plain = useLines(found.runs, shown, widthFor(found.runs.length * shown.length));
  const coloring = useColoring(found);
  const charts = useMemo(() => plain.map(({ key, lines }) => ({ key, lines: colored(lines, coloring) })), [plain, coloring]);
  return (
    <>
      <div className="toolbar">
        <TextInput className="grow" data-filter placeholder="Filter metrics  ( / )" aria-label="Filter metrics by name" value={wanted} onChange={(event) => setUrl({ m: event.currentTarget.value })} />
        <ColorPicker found={found} />
        <ChartControls />
        <span className="muted">{plural(keys.length, "metric")}</span>
      </div>
      <Shades coloring={coloring} />
      {keys.length === 0 && <p className="muted">No run has a curve of that name.</p>}
      <div className="charts wide-charts">
        {charts.map(({ key, lines }) => <ChartPanel key={key} title={key} lines={lines} height={260} linkOf={(line) => `/runs/${line.id}`} {...state} />)}
      </div>
      {keys.length > AT_ONCE && <p className="muted">{keys.length - AT_ONCE} more: filter by name to see them.</p>}
    </>
  );
}
