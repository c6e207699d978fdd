import { useMemo } from "react";
import type { Differences } from "@/api/types";
import { Name } from "@/ui/bits";
import { Swatch } from "@/ui/chart/Swatch";
import { plural } from "@/ui/format";
import { useUrlState } from "@/ui/urlState";
import { type Coloring, coloringOf } from "./coloring";
import { FieldPicker } from "./FieldPicker";
import { fieldsOf, useAxes } from "./fields";

/** The colours that the address asks for; null where each run has its own, as in pictures that have no choice of them. */
export function useColoring(found: Differences, isChosen = true): Coloring | null {
  const [url] = useUrlState();
  const field = isChosen ? url.get("color") : null;
  const ids = found.runs.map((run) => run.id);
  const { axes } = useAxes(ids, field ? [field] : [], () => false);
  const values = axes[0]?.values;
  // Axes are made anew whenever the page is drawn; a picture is not.
  const key = JSON.stringify([field, ids, values]);
  // eslint-disable-next-line react-hooks/exhaustive-deps -- compared by content
  return useMemo(() => (axes[0] ? coloringOf(axes[0], ids) : null), [key]);
}

/** Chooses what the colours of a picture stand for. */
export function ColorPicker({ found }: { found: Differences }) {
  const [url, setUrl] = useUrlState();
  return <FieldPicker label="Colour" value={url.get("color") ?? ""} fields={fieldsOf(found)} none="each run its own" onChange={(color) => setUrl({ color: color || null })} />;
}

/** What each colour stands for. */
export function Shades({ coloring }: { coloring: Coloring | null }) {
  if (coloring === null) return null;
  return (
    <ul className="chart-legend shades" aria-label={`Colours of ${coloring.label}`}>
      <li className="mono">{coloring.label}</li>
      {coloring.shades.map(({ color, label, runs }) => <li key={label}><Swatch look={{ color, dash: 0 }} /><Name>{label}</Name><span className="muted">{plural(runs, "run")}</span></li>)}
    </ul>
  );
}
