import { TextInput } from "@mantine/core";
import type { RunMedia } from "@/api/media";
import { Name } from "@/ui/bits";
import { lookOf } from "@/ui/chart/colors";
import { Swatch } from "@/ui/chart/Swatch";
import { formatCount, plural } from "@/ui/format";
import { useUrlState } from "@/ui/urlState";
import { HISTOGRAM, Medium, OverSteps } from "@/ui/media/Medium";
import { byKey, type KeyMedia, stepFor } from "./steps";

const PANELS = 24;
const OF_A_STEP = 12;

function Panel({ entry, names, wanted, onStep }: { entry: KeyMedia; names: Map<string, string>; wanted: number | null; onStep: (step: number) => void }) {
  const step = stepFor(entry.steps, wanted);
  const at = entry.steps.indexOf(step);
  return (
    <section className="section" aria-label={`Media of ${entry.key}`}>
      <header className="section-head">
        <h2 className="mono"><bdi>{entry.key}</bdi></h2>
        <label className="inline-field">
          <span className="slider-label">step {formatCount(step)}</span>
          {entry.steps.length > 1 && <input type="range" className="step-slider" aria-label={`Step of ${entry.key}`} aria-valuetext={`step ${step}`} min={0} max={entry.steps.length - 1} value={at} onChange={(event) => onStep(entry.steps[Number(event.currentTarget.value)] ?? step)} />}
          <span className="muted small">{plural(entry.steps.length, "step")}</span>
        </label>
      </header>
      <div className="media-row">
        {[...entry.runs].map(([id, files]) => {
          const here = stepFor(files.map((file) => file.step), step);
          const shown = files.filter((file) => file.step === here);
          return (
            <div key={id} className="media-cell">
              {names.size > 1 && <p className="small"><Swatch look={lookOf(id)} /> <Name>{names.get(id) ?? id}</Name> {here !== step && <span className="tone-amber">step {formatCount(here)}</span>}</p>}
              <div className="media-files">{shown.slice(0, OF_A_STEP).map((file) => <Medium key={file.path} runId={id} file={file} />)}</div>
              {shown.length > OF_A_STEP && <p className="muted small">{shown.length - OF_A_STEP} more at this step: see the artifacts.</p>}
              {files.length > 1 && shown[0]?.media_type === HISTOGRAM && <OverSteps runId={id} files={files} current={here} />}
            </div>
          );
        })}
      </div>
    </section>
  );
}

/** The media of one run or of several beside each other; one slider moves all of them to the same step. */
export function MediaPanels({ found, names }: { found: RunMedia[]; names: Map<string, string> }) {
  const [url, setUrl] = useUrlState();
  const filter = url.get("media") ?? "";
  const wanted = url.get("step") === null ? null : Number(url.get("step"));
  const entries = byKey(found).filter((entry) => entry.key.toLowerCase().includes(filter.toLowerCase()));
  return (
    <>
      <div className="toolbar">
        <TextInput className="grow" data-filter placeholder="Filter media  ( / )" aria-label="Filter media by name" value={filter} onChange={(event) => setUrl({ media: event.currentTarget.value })} />
        {wanted !== null && <button type="button" className="chip" onClick={() => setUrl({ step: null })}>step {formatCount(wanted)} ×</button>}
        <span className="muted">{plural(entries.length, "key")}</span>
      </div>
      {entries.slice(0, PANELS).map((entry) => <Panel key={entry.key} entry={entry} names={names} wanted={wanted} onStep={(step) => setUrl({ step: String(step) })} />)}
      {entries.length > PANELS && <p className="muted">{entries.length - PANELS} more: filter by name to see them.</p>}
    </>
  );
}
