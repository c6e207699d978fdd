import { useCallback, useMemo } from "react";
import { useLocation } from "wouter";
import type { Run } from "@/api/types";
import { useRowKeys } from "@/ui/useRowKeys";
import { useUrlState } from "@/ui/urlState";
import { columnOf } from "./columns";
import { fieldOf } from "./fields";
import { nextSort, type useRuns } from "./runList";
import { RunTable } from "./RunTable";
import type { Selection } from "./selection";

/** The project's runs one by one, by pointer and by keyboard. */
export function RunRows({ runs, loaded, chosen, sort, cards, selection }: {
  runs: ReturnType<typeof useRuns>;
  loaded: Run[];
  chosen: string[];
  sort: string;
  cards: boolean;
  selection: Selection;
}) {
  const [, setUrl] = useUrlState();
  const [, navigate] = useLocation();
  const first = runs.data?.pages[0]?.runs;
  const named = chosen.join("\n");
  const columns = useMemo(
    () => named.split("\n").map((id) => columnOf(id, first?.slice(0, 20))).filter((column) => column !== undefined),
    [named, first],
  );
  const active = useRowKeys(loaded.length, {
    open: (i) => loaded[i] && navigate(`/runs/${loaded[i].id}`),
    select: (i) => loaded[i] && selection.toggle([loaded[i].id]),
    review: (i) => loaded[i] && navigate(`/runs/${loaded[i].id}?review=1`),
    compare: selection.compare,
  });
  const { fetchNextPage } = runs;
  // What is on its way already is waited for.
  const more = useCallback(() => void fetchNextPage({ cancelRefetch: false }), [fetchNextPage]);
  const onSort = useCallback((id: string) => setUrl({ sort: nextSort(sort, fieldOf(id)) }), [setUrl, sort]);
  const { toggle } = selection;
  const onSelect = useCallback((run: Run) => toggle([run.id]), [toggle]);
  return (
    <RunTable runs={loaded} columns={columns} total={runs.data?.pages.at(-1)?.total ?? 0} sort={sort} onSort={onSort}
      selected={selection.set} onSelect={onSelect} active={active} cards={cards} hasMore={runs.hasNextPage} onMore={more} />
  );
}
