import { useRowKeys } from "@/ui/useRowKeys";
import { Loaded } from "@/ui/states";
import { useUrlState } from "@/ui/urlState";
import type { Grouping } from "./groups";
import { useGroups } from "./groups";
import { GroupTable } from "./GroupTable";
import { nextSort } from "./runList";
import type { Selection } from "./selection";

/** The project's runs as groups. Opening a group shows its runs: the group's condition joins the filter. */
export function GroupedRuns({ grouping, selection }: { grouping: Grouping; selection: Selection }) {
  const [, setUrl] = useUrlState();
  const query = useGroups(grouping);
  const groups = query.data?.groups ?? [];
  const open = (index: number) => {
    const where = groups[index]?.where;
    if (where) setUrl({ q: grouping.where ? `(${grouping.where}) and ${where}` : where, group: null, against: null });
  };
  const active = useRowKeys(groups.length, {
    open,
    select: (i) => selection.toggle(groups[i]?.run_ids ?? []),
    compare: selection.compare,
  });
  return (
    <Loaded query={query} rows={10}>
      {(found) => (
        <GroupTable found={found} metrics={grouping.metrics} sort={grouping.sort} active={active} selected={selection.set}
          onSort={(field) => setUrl({ sort: nextSort(grouping.sort, field) })} onSelect={(group) => selection.toggle(group.run_ids)} onOpen={(group) => open(groups.indexOf(group))} />
      )}
    </Loaded>
  );
}
