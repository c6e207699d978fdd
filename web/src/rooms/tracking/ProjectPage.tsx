import { Button, Checkbox } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { memo, useMemo, useState } from "react";
import { Link } from "wouter";
import { ApiError } from "@/api/client";
import type { KnownKeys, Run } from "@/api/types";
import { CopyAs } from "@/ui/CopyAs";
import { formatCount, plural } from "@/ui/format";
import { later } from "@/ui/later";
import { Page, projectTrail } from "@/ui/Page";
import { Empty, ErrorNote, Loading } from "@/ui/states";
import { useUrlState } from "@/ui/urlState";
import { WhoSees } from "@/ui/WhoSees";
import { ColumnChooser } from "./ColumnChooser";
import { allColumns } from "./columns";
import { defaultColumns, fieldOf, splitFields, writtenColumns } from "./fields";
import { FilterBar } from "./FilterBar";
import { GroupChooser } from "./GroupChooser";
import { GroupedRuns } from "./GroupedRuns";
import { groupRecipe } from "./groups";
import { ProjectCharts } from "./ProjectCharts";
import { columnsIn, fieldsIn, type View, viewOf } from "./request";
import { recipeOf, useKnownKeys, useRuns } from "./runList";
import { RunRows } from "./RunRows";
import { type Selection, useSelection } from "./selection";
import { snippet } from "./snippets";
import { SubProjects } from "./SubProjects";
import { ViewsMenu } from "./ViewsMenu";

const RequestReview = later(async () => ({ default: (await import("@/ui/RequestReview")).RequestReview }), () => null);
const NO_KEYS = { params: [], metrics: [], tags: [] };
const NO_RUNS: Run[] = [];
const GROUPED_METRICS = 4;

/** The runs that fit; while the condition is refused, all of them, so that the page is not emptied by a typing error. */
function useRunsOrAll(view: View, columns: string, enabled: boolean) {
  const fitting = useRuns(view, columns, enabled);
  const refused = fitting.error instanceof ApiError && fitting.error.status === 422 && view.where !== "";
  const all = useRuns({ ...view, where: "" }, columns, refused);
  return { runs: refused ? all : fitting, error: fitting.error, refused };
}

const ASKED = 3;

function SelectionBar({ selection, project, metrics, loaded }: { selection: Selection; project: string; metrics: string[]; loaded: Run[] }) {
  const [asking, setAsking] = useState(false);
  const id = selection.ids[0];
  const first = loaded.find((run) => run.id === id) ?? (id ? { id, name: id } : undefined);
  const report = new URLSearchParams([["project", project], ...selection.ids.map((id) => ["run", id]), ...metrics.slice(0, ASKED).map((key) => ["metric", key])]);
  return (
    <div className="selection-bar" role="region" aria-label="Selection">
      <strong>{formatCount(selection.ids.length)} selected</strong>
      <Button onClick={selection.compare} disabled={selection.ids.length < 2}>Compare</Button>
      <Button variant="default" component={Link} href={`/reports/new?${report}`}>Report</Button>
      <Button variant="default" onClick={() => setAsking(true)}>Review</Button>
      <Button variant="default" onClick={selection.clear}>Clear</Button>
      {asking && first && <RequestReview run={first} also={selection.ids.filter((id) => id !== first.id)} opened close={() => setAsking(false)} />}
    </div>
  );
}

const Actions = memo(function Actions({ path, cli, python }: { path: string; cli: string; python: string }) {
  return (
    <>
      <CopyAs recipe={{ cli, python }} />
      <Button variant="default" component={Link} href={`/standards/${path}`}>Standards</Button>
      <Button variant="default" component={Link} href={`/reports?project=${encodeURIComponent(path)}`}>Reports</Button>
    </>
  );
});

interface Tools {
  path: string;
  keys: KnownKeys;
  error: unknown;
  cards: boolean;
  total: string;
}

/** What the list is narrowed, ordered and shown by. It stays as it is while the list grows under it. */
const Toolbar = memo(function Toolbar({ path, keys, error, cards, total }: Tools) {
  const [url, setUrl] = useUrlState();
  const { where, sort } = viewOf(path, url);
  const against = url.get("against") ?? "";
  const by = splitFields(url.get("group") ?? "");
  const chosen = columnsIn(url) ?? defaultColumns(keys);
  const charts = showsCharts(url, cards);
  return (
    <div className="toolbar">
      <FilterBar key={where} where={where} error={error} keys={keys} onApply={(q) => setUrl({ q })} />
      <Checkbox size="xs" label="Charts" checked={charts} onChange={() => setUrl({ charts: charts ? "off" : "on" })} />
      <GroupChooser keys={keys} by={by} against={against} onChange={(next, reference) => setUrl({ group: next.join(","), against: reference })} />
      <ColumnChooser all={allColumns(keys)} chosen={chosen} onChange={(ids) => setUrl({ cols: ids && writtenColumns(ids) })} />
      <ViewsMenu project={path} shown={{ where, sort, columns: url.has("cols") ? chosen : [], group: by.join(",") }} />
      <strong className="total" aria-live="polite">{total}</strong>
    </div>
  );
});

const showsCharts = (url: URLSearchParams, cards: boolean): boolean => (url.get("charts") ?? (cards || url.get("group") ? "off" : "on")) === "on";

/** A project: its runs as a table that holds its whole state in the address, with charts above. */
export default function ProjectPage({ path }: { path: string }) {
  const [url, setUrl] = useUrlState();
  const selection = useSelection();
  const cards = useMediaQuery("(max-width: 640px)", false, { getInitialValueInEffect: false });
  const view = viewOf(path, url);
  const { where, sort } = view;
  const against = url.get("against") ?? "";
  const by = splitFields(url.get("group") ?? "");
  const known = useKnownKeys(path);
  const keys = known.data ?? NO_KEYS;
  const chosen = columnsIn(url) ?? defaultColumns(keys);
  const { runs, error, refused } = useRunsOrAll(view, fieldsIn(url, keys), url.has("cols") || !known.isPending);
  const pages = runs.data?.pages;
  const loaded = useMemo(() => pages?.flatMap((page) => page.runs) ?? NO_RUNS, [pages]);
  const total = pages?.at(-1)?.total ?? 0;
  const metrics = chosen.filter((id) => id.startsWith("metrics.")).slice(0, GROUPED_METRICS).map(fieldOf);
  const grouping = { ...view, where: refused ? "" : where, by, metrics, against };
  const charts = showsCharts(url, cards);
  const pictured = selection.ids.length ? loaded.filter((run) => selection.set.has(run.id)) : loaded.slice(0, 5);
  const recipe = by.length ? groupRecipe(grouping) : recipeOf(view, url.has("cols") ? chosen.filter((id) => /^(metrics|params)\./.test(id)) : []);
  return (
    <Page fill title={path.split("/").at(-1) ?? path} trail={projectTrail(path).slice(0, -1)} actions={<><WhoSees project={path} /><Actions path={path} {...recipe} /></>}>
      <SubProjects path={path} />
      <Toolbar path={path} keys={keys} error={error} cards={cards} total={runs.data ? plural(total, "run") : "…"} />
      {refused && total > 0 && <p className="muted kept">All runs are shown until the condition is mended.</p>}
      {runs.isError && <ErrorNote error={runs.error} retry={() => void runs.refetch()} />}
      {runs.isPending && <Loading rows={12} label="Loading runs" />}
      {runs.isSuccess && total === 0 && (where
        ? <p className="muted">No run fits this condition. <Button variant="subtle" onClick={() => setUrl({ q: null })}>Show all runs</Button></p>
        : <Empty title="No run yet" code={snippet(path)}>Runs appear here while they run. Three lines fill this page:</Empty>)}
      {charts && pictured.length > 0 && <ProjectCharts runs={pictured} chosen={chosen} chosenByHand={selection.ids.length > 0} />}
      {total > 0 && (by.length
        ? <GroupedRuns grouping={grouping} selection={selection} />
        : <RunRows runs={runs} loaded={loaded} chosen={chosen} sort={sort} cards={cards} selection={selection} />)}
      {selection.ids.length > 0 && <SelectionBar selection={selection} project={path} metrics={metrics} loaded={loaded} />}
    </Page>
  );
}
