import { Checkbox, Slider } from "@mantine/core";
import { formatNumber } from "@/ui/format";
import { useUrlState } from "@/ui/urlState";
import { useChartState } from "./chartState";

/** How the curves of a page are drawn; all of it is part of the address. */
export function ChartControls() {
  const [, setUrl] = useUrlState();
  const { axis, log, logX, weight, range } = useChartState();
  return (
    <>
      <label className="inline-field">
        <span>By</span>
        <select className="plain-select" aria-label="By" value={axis} onChange={(event) => setUrl({ axis: event.currentTarget.value === "step" ? null : event.currentTarget.value, x: null })}>
          <option value="step">step</option>
          <option value="relative">relative time</option>
          <option value="wall">wall time</option>
        </select>
      </label>
      <Checkbox size="xs" label="Log y" checked={log} onChange={() => setUrl({ log: log ? null : "1" })} />
      {axis !== "wall" && <Checkbox size="xs" label="Log x" checked={logX} onChange={() => setUrl({ logx: logX ? null : "1", x: null })} />}
      <span className="slider-label">Smoothing {weight.toFixed(2)}</span>
      <Slider className="slider" size="sm" min={0} max={0.99} step={0.01} label={null} value={weight} thumbLabel="Smoothing" onChange={(value) => setUrl({ smooth: value ? String(value) : null })} />
      {range && <button type="button" className="chip" onClick={() => setUrl({ x: null })}>{axis === "wall" ? "a part of the time" : `${axis === "step" ? "steps" : "seconds"} ${formatNumber(range[0])}–${formatNumber(range[1])}`} ×</button>}
    </>
  );
}
