import { Button, SegmentedControl, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { Link, useLocation } from "wouter";
import { api } from "@/api/client";
import { searchQuery } from "@/api/queries";
import type { Hit, Page as Article } from "@/api/types";
import { Name, Time } from "@/ui/bits";
import { CopyAs, pythonString, shellQuote } from "@/ui/CopyAs";
import { plural } from "@/ui/format";
import { hrefOf } from "@/ui/links";
import { Page } from "@/ui/Page";
import { Empty, ErrorNote, Loaded, Loading } from "@/ui/states";
import { useUrlState } from "@/ui/urlState";
import { useRowKeys } from "@/ui/useRowKeys";
import { Snippet } from "./Snippet";
import { Scroll } from "@/ui/Scroll";

const KINDS = ["all", "practice", "decision", "guide", "card", "post-mortem", "result"];
const LIMIT = 50;

function Hits({ hits }: { hits: Hit[] }) {
  const [, navigate] = useLocation();
  const active = useRowKeys(hits.length, { open: (i) => hits[i] && navigate(hrefOf(hits[i].kind, hits[i].id)) });
  return (
    <ol className="hits">
      {hits.map((hit, i) => (
        <li key={`${hit.kind}${hit.id}`} aria-current={i === active ? "true" : undefined}>
          <h2><span className="muted small kind">{hit.kind}</span> <Link href={hrefOf(hit.kind, hit.id)}><bdi>{hit.title}</bdi></Link></h2>
          <Snippet text={hit.snippet} />
          <p className="muted small"><Time at={hit.at} />{hit.tags.length > 0 && ` · ${hit.tags.join(", ")}`}</p>
        </li>
      ))}
    </ol>
  );
}

function Found({ wanted }: { wanted: string }) {
  const found = useQuery(searchQuery(wanted, LIMIT));
  if (found.isError) return <ErrorNote error={found.error} retry={() => void found.refetch()} />;
  if (!found.data) return <Loading rows={6} />;
  const { hits, total } = found.data;
  if (total === 0) return <p className="muted">Nothing mentions “{wanted}”. Any of several words may match; parts of words do not.</p>;
  return (
    <>
      <p className="muted" aria-live="polite">{plural(total, "hit")}{total > hits.length && `, the best ${hits.length} shown`}</p>
      <Hits hits={hits} />
    </>
  );
}

const overdue = (page: Article) => page.review_by !== null && Date.parse(page.review_by) < Date.now();

function Articles({ pages }: { pages: Article[] }) {
  const [, navigate] = useLocation();
  const active = useRowKeys(pages.length, { open: (i) => pages[i] && navigate(`/knowledge/${pages[i].id}`) });
  return (
    <Scroll label="Pages">
      <table className="plain-table">
        <thead><tr><th>Page</th><th>Kind</th><th className="wide">Repository</th><th className="wide">Owner</th><th className="num wide">Evidence</th><th className="wide">Review by</th><th className="wide">Changed</th></tr></thead>
        <tbody>
          {pages.map((page, i) => (
            <tr key={page.id} aria-current={i === active ? "true" : undefined}>
              <th scope="row"><Link href={`/knowledge/${page.id}`}><bdi>{page.title}</bdi></Link></th>
              <td>{page.kind}</td>
              <td className="wide mono">{page.repository}</td>
              <td className="wide"><Name>{page.owner}</Name></td>
              <td className="num wide">{page.evidence.length}</td>
              <td className={`wide nowrap ${overdue(page) ? "tone-amber" : "muted"}`}>{page.review_by ? `${overdue(page) ? "⟳ overdue " : ""}${page.review_by.slice(0, 10)}` : "–"}</td>
              <td className="wide muted nowrap"><Time at={page.updated_at} /></td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

/** Search over everything, and the pages of the team. */
export default function KnowledgePage() {
  const [url, setUrl] = useUrlState();
  const text = url.get("q") ?? "";
  const kind = url.get("kind") ?? "all";
  const [wanted] = useDebouncedValue(text.trim(), 200);
  const pages = useQuery({
    queryKey: ["pages", kind],
    queryFn: ({ signal }) => api.get("/api/v1/pages", { query: { kind: kind === "all" ? undefined : (kind as Article["kind"]), limit: 500 }, signal }),
    enabled: wanted === "",
  });
  const recipe = wanted
    ? { cli: `runward kb search ${shellQuote(wanted)}`, python: `found = workspace.knowledge.search(${pythonString(wanted)})\n` }
    : { cli: `runward kb list${kind === "all" ? "" : ` --kind ${kind}`}`, python: `pages = workspace.knowledge.list_pages(${kind === "all" ? "" : `kind=${pythonString(kind)}`})\n` };
  return (
    <Page title="Knowledge" trail={[]} actions={<><CopyAs recipe={recipe} /><Button variant="default" size="xs" component={Link} href="/libraries">Shared configurations</Button></>}>
      <div className="toolbar">
        <TextInput className="grow" data-filter type="search" value={text} onChange={(event) => setUrl({ q: event.currentTarget.value })}
          aria-label="Search pages, runs, experiments and reviews" placeholder="Search pages, runs, experiments, reviews  ( / )" />
        {wanted === "" && <SegmentedControl size="xs" className="kinds" data={KINDS} value={kind} onChange={(value) => setUrl({ kind: value === "all" ? null : value })} aria-label="Kind" />}
      </div>
      {wanted ? <Found wanted={wanted} /> : (
        <Loaded query={pages}>
          {(all) => all.length ? <Articles pages={all} /> : (
            <Empty title="No page yet" code={'import runward as run\nrun.store_knowledge({"name": "Warm up the learning rate", "description": "Five epochs are enough."},\n                    "knowledge_base/vision")'}>
              Practices, decisions, guides and post-mortems live here, each with an owner and the runs that support it.
            </Empty>
          )}
        </Loaded>
      )}
    </Page>
  );
}
