import { Button, Checkbox } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { useCallback, useMemo } from "react";
import { useLocation } from "wouter";
import type { Run } from "@/api/types";
import { CopyAs } from "@/ui/CopyAs";
import { formatCount, plural } from "@/ui/format";
import { Page, projectTrail } from "@/ui/Page";
import { Empty, ErrorNote, Loading } from "@/ui/states";
import { useUrlState } from "@/ui/urlState";
import { useRowKeys } from "@/ui/useRowKeys";
import { ApiError } from "@/api/client";
import { ColumnChooser } from "./ColumnChooser";
import { allColumns, columnOf, defaultColumns, fieldOf } from "./columns";
import { FilterBar } from "./FilterBar";
import { ProjectCharts } from "./ProjectCharts";
import { itemsOf, nextSort, recipeOf, useKnownKeys, useRuns, type View } from "./runList";
import { RunTable } from "./RunTable";
import { snippet } from "./snippets";
import { SubProjects } from "./SubProjects";

const NO_KEYS = { params: [], metrics: [], tags: [] };
const GROUPED_SORT = "experiment,-started_at";
const NO_RUNS: Run[] = [];

/** The runs that fit; while the condition is refused, all of them, so that the page is not emptied by a typing error. */
function useRunsOrAll(view: View) {
  const fitting = useRuns(view);
  const refused = fitting.error instanceof ApiError && fitting.error.status === 422 && view.where !== "";
  const all = useRuns({ ...view, where: "" }, refused);
  return { runs: refused ? all : fitting, error: fitting.error, refused };
}

/** A project: its runs as a table that holds its whole state in the address, with charts above. */
export default function ProjectPage({ path }: { path: string }) {
  const [url, setUrl] = useUrlState();
  const [, navigate] = useLocation();
  const cards = useMediaQuery("(max-width: 640px)", false) ?? false;
  const where = url.get("q") ?? "";
  const sort = url.get("sort") ?? "";
  const grouped = url.get("group") === "experiment";
  const view = { project: path, where, sort: grouped && !sort ? GROUPED_SORT : sort };
  const { runs, error, refused } = useRunsOrAll(view);
  const keys = useKnownKeys(path).data ?? NO_KEYS;
  const pages = runs.data?.pages;
  const loaded = useMemo(() => pages?.flatMap((page) => page.runs) ?? NO_RUNS, [pages]);
  const items = useMemo(() => itemsOf(loaded, grouped && !sort), [loaded, grouped, sort]);
  const chosen = url.get("cols")?.split(",") ?? defaultColumns(keys);
  const columns = chosen.map((id) => columnOf(id, loaded.slice(0, 20))).filter((column) => column !== undefined);
  const selection = url.getAll("sel");
  const selected = new Set(selection);
  const total = pages?.at(-1)?.total ?? 0;
  const select = (run: Run) => {
    const now = new URLSearchParams(window.location.search).getAll("sel");
    setUrl({ sel: now.includes(run.id) ? now.filter((id) => id !== run.id) : [...now, run.id] });
  };
  const compare = () => {
    if (selection.length > 1) navigate(`/compare?${selection.map((id) => `run=${id}`).join("&")}`);
  };
  const active = useRowKeys(loaded.length, {
    open: (i) => loaded[i] && navigate(`/runs/${loaded[i].id}`),
    select: (i) => loaded[i] && select(loaded[i]),
    review: (i) => loaded[i] && navigate(`/runs/${loaded[i].id}?review=1`),
    compare,
  });
  const { fetchNextPage, isFetchingNextPage } = runs;
  const more = useCallback(() => {
    if (!isFetchingNextPage) void fetchNextPage();
  }, [fetchNextPage, isFetchingNextPage]);
  const charts = (url.get("charts") ?? (cards ? "off" : "on")) === "on";
  const pictured = selection.length ? loaded.filter((run) => selected.has(run.id)) : loaded.slice(0, 5);
  return (
    <Page fill title={path.split("/").at(-1) ?? path} trail={projectTrail(path).slice(0, -1)} actions={<CopyAs recipe={recipeOf(view, url.has("cols") ? chosen.filter((id) => /^(metrics|params)\./.test(id)) : [])} />}>
      <SubProjects path={path} />
      <div className="toolbar">
        <FilterBar key={where} where={where} error={error} onApply={(q) => setUrl({ q })} />
        <Checkbox size="xs" label="Group by experiment" checked={grouped} onChange={() => setUrl({ group: grouped ? null : "experiment" })} />
        <Checkbox size="xs" label="Charts" checked={charts} onChange={() => setUrl({ charts: charts ? "off" : "on" })} />
        <ColumnChooser all={allColumns(keys)} chosen={chosen} onChange={(ids) => setUrl({ cols: ids?.join(",") ?? null })} />
        <strong className="total" aria-live="polite">{runs.data ? plural(total, "run") : "…"}</strong>
      </div>
      {refused && total > 0 && <p className="muted kept">All runs are shown until the condition is mended.</p>}
      {runs.isError && <ErrorNote error={runs.error} retry={() => void runs.refetch()} />}
      {runs.isPending && <Loading rows={12} label="Loading runs" />}
      {runs.isSuccess && total === 0 && (where
        ? <p className="muted">No run fits this condition. <Button variant="subtle" onClick={() => setUrl({ q: null })}>Show all runs</Button></p>
        : <Empty title="No run yet" code={snippet(path)}>Runs appear here while they run. Three lines fill this page:</Empty>)}
      {charts && pictured.length > 0 && <ProjectCharts runs={pictured} chosen={chosen} chosenByHand={selection.length > 0} />}
      {total > 0 && (
        <RunTable items={items} columns={columns} total={total} sort={sort} onSort={(id) => setUrl({ sort: nextSort(sort, fieldOf(id)) })} selected={selected}
          onSelect={select} active={active} cards={cards} hasMore={runs.hasNextPage} onMore={more} />
      )}
      {selection.length > 0 && (
        <div className="selection-bar" role="region" aria-label="Selection">
          <strong>{formatCount(selection.length)} selected</strong>
          <Button onClick={compare} disabled={selection.length < 2}>Compare</Button>
          <Button variant="default" onClick={() => setUrl({ sel: null })}>Clear</Button>
        </div>
      )}
    </Page>
  );
}
