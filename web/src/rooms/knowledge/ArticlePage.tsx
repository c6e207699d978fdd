import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import { api } from "@/api/client";
import type { Page as Article } from "@/api/types";
import { Facts, IdChip, Name, Section, Time } from "@/ui/bits";
import { CodeBlock } from "@/ui/CodeBlock";
import { CopyAs, pythonString } from "@/ui/CopyAs";
import { formatValue } from "@/ui/format";
import { LabelChip } from "@/ui/LabelChip";
import { hrefOf } from "@/ui/links";
import { Markdown } from "@/ui/Markdown";
import { Page } from "@/ui/Page";
import { ErrorNote, Loaded, Loading } from "@/ui/states";
import { useUrlState } from "@/ui/urlState";
import { WhoSees } from "@/ui/WhoSees";
import { EditText } from "./EditText";
import { pageQuery } from "./queries";

function Evidence({ page }: { page: Article }) {
  return (
    <Section title="Evidence">
      {page.evidence.length === 0 ? <p className="muted">None is linked. A page without evidence is an opinion.</p> : (
        <ul className="plain-list">
          {page.evidence.map((item) => (
            <li key={`${item.kind}${item.id}`}><Link href={hrefOf(item.kind, item.id)}>{item.kind} <span className="mono">{item.id.slice(0, 8)}</span></Link> {item.note}</li>
          ))}
        </ul>
      )}
    </Section>
  );
}

function History({ page }: { page: Article }) {
  const [url, setUrl] = useUrlState();
  const query = useQuery({
    queryKey: ["page", page.id, "versions"],
    queryFn: ({ signal }) => api.get("/api/v1/pages/{page_id}/versions", { path: { page_id: page.id }, signal }),
  });
  const chosen = Number(url.get("version") ?? page.version);
  return (
    <Section title="History">
      <Loaded query={query} rows={2}>
        {(versions) => (
          <ol className="plain-list">
            {versions.map((version) => (
              <li key={version.version}>
                <button type="button" className="link" aria-pressed={version.version === chosen} onClick={() => setUrl({ version: version.version === page.version ? null : String(version.version) })}>
                  Version {version.version}
                </button>{" "}
                <span className="muted">by <Name>{version.author}</Name> <Time at={version.at} /></span>
                {version.version === chosen && version.version !== page.version && <div className="old-version"><Markdown text={version.body} /></div>}
              </li>
            ))}
          </ol>
        )}
      </Loaded>
    </Section>
  );
}

function Body({ page }: { page: Article }) {
  const data = Object.entries(page.data).map(([key, value]): [string, React.ReactNode] => [key, <span key="v" className="mono break">{formatValue(value)}</span>]);
  return (
    <div className="columns">
      <div>
        {page.body ? <Markdown text={page.body} /> : <p className="muted">The page has no text.</p>}
        {page.code_example && <Section title="Code example"><CodeBlock code={page.code_example} label="code example" /></Section>}
        {data.length > 0 && <Section title="Data"><Facts rows={data} /></Section>}
      </div>
      <div>
        <Section title="About">
          <Facts rows={[
            ["Owner", <Name key="o">{page.owner}</Name>],
            ["Last author", <Name key="a">{page.author}</Name>],
            ["Changed", <Time key="t" at={page.updated_at} />],
            ["Reviewed", page.review_id ? <Link key="r" href={`/reviews/${page.review_id}`}>this version was</Link> : "this version was not"],
            ["Review by", page.review_by ? page.review_by.slice(0, 10) : "no date set"],
            ["Repository", <span key="r" className="mono">{page.repository}</span>],
            ["Team", page.team],
            ["Tags", page.tags.join(", ") || "–"],
            ["Id", <IdChip key="i" id={page.id} />],
          ]} />
        </Section>
        <Evidence page={page} />
        <History page={page} />
      </div>
    </div>
  );
}

/** One page of the team’s knowledge. */
export default function ArticlePage({ id }: { id: string }) {
  const query = useQuery(pageQuery(id));
  const [url, setUrl] = useUrlState();
  const editing = url.get("edit") === "1";
  const trail: [string, string][] = [["Knowledge", "/knowledge"]];
  if (!query.data) {
    return <Page title="Page" trail={trail}>{query.isError ? <ErrorNote error={query.error} retry={() => void query.refetch()} /> : <Loading rows={10} />}</Page>;
  }
  const page = query.data;
  const recipe = { cli: `runward kb show ${page.id}`, python: `page = workspace.knowledge.get_page(${pythonString(page.id)})\n` };
  return (
    <Page title={page.title} trail={trail} badges={<span className="badges"><span className="muted">{page.kind} · version {page.version}</span><LabelChip thing={`page:${page.id}`} /></span>} actions={<><WhoSees team={page.team} thing={`page:${page.id}`} /><CopyAs recipe={recipe} />{!editing && <Button size="xs" onClick={() => setUrl({ edit: "1" })}>Edit</Button>}</>}>
      {editing ? <EditText page={page} close={() => setUrl({ edit: null })} /> : <Body page={page} />}
    </Page>
  );
}
