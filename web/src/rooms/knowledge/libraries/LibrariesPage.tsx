import { TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link, useLocation } from "wouter";
import type { LibraryItem } from "@/api/types";
import { Name, Time } from "@/ui/bits";
import { CopyAs } from "@/ui/CopyAs";
import { formatCount, plural } from "@/ui/format";
import { Page } from "@/ui/Page";
import { Scroll } from "@/ui/Scroll";
import { Empty, Loaded } from "@/ui/states";
import { useUrlState } from "@/ui/urlState";
import { useRowKeys } from "@/ui/useRowKeys";
import { itemsQuery } from "./queries";

const PUBLISH = `runward library publish team/transformer-base transformer.yaml --version 1.0.0\nrunward library use team/transformer-base ^1.0`;

function Items({ items }: { items: LibraryItem[] }) {
  const [, navigate] = useLocation();
  const active = useRowKeys(items.length, { open: (i) => items[i] && navigate(`/libraries/${items[i].name}`) });
  return (
    <Scroll label="Shared configurations">
      <table className="plain-table">
        <thead><tr><th>Name</th><th>Newest</th><th className="num">Runs</th><th className="wide">Kind</th><th className="wide">Owner</th><th className="wide">Team</th><th className="wide">Published</th></tr></thead>
        <tbody>
          {items.map((item, i) => (
            <tr key={item.id} aria-current={i === active ? "true" : undefined}>
              <th scope="row"><Link href={`/libraries/${item.name}`}><Name>{item.name}</Name></Link></th>
              <td className="mono">{item.newest}</td>
              <td className="num">{formatCount(item.uses ?? 0)}</td>
              <td className="wide">{item.kind}</td>
              <td className="wide"><Name>{item.owner}</Name></td>
              <td className="wide">{item.team}</td>
              <td className="wide muted nowrap"><Time at={item.updated_at} /></td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

/** Configurations, components and templates that several projects build on. */
export default function LibrariesPage() {
  const [url, setUrl] = useUrlState();
  const query = useQuery(itemsQuery());
  const search = url.get("q") ?? "";
  const fits = (item: LibraryItem) => `${item.name} ${item.kind} ${item.owner}`.toLowerCase().includes(search.toLowerCase());
  const recipe = { cli: "runward library list", python: "items = workspace.libraries.list_items()\n" };
  return (
    <Page title="Shared configurations" trail={[["Knowledge", "/knowledge"]]} actions={<CopyAs recipe={recipe} />}>
      <Loaded query={query}>
        {(items) => items.length === 0 ? (
          <Empty title="Nothing is shared yet" code={PUBLISH} language="shell">
            Configurations, components and templates live here in versions that never change, each with an owner, its docs and the runs that used it.
          </Empty>
        ) : (
          <>
            <div className="toolbar">
              <TextInput className="grow" data-filter placeholder="Filter by name, kind, owner  ( / )" aria-label="Filter shared configurations" value={search} onChange={(event) => setUrl({ q: event.currentTarget.value })} />
              <span className="muted" aria-live="polite">{plural(items.filter(fits).length, "item")}</span>
            </div>
            {items.some(fits) ? <Items items={items.filter(fits)} /> : <p className="muted">None fits.</p>}
          </>
        )}
      </Loaded>
    </Page>
  );
}
