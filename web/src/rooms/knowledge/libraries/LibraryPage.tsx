import { Select } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import type { LibraryItem, LibraryRelease } from "@/api/types";
import { Facts, Name, Section, Time } from "@/ui/bits";
import { CodeBlock } from "@/ui/CodeBlock";
import { CopyAs, pythonString, shellQuote } from "@/ui/CopyAs";
import { formatCount, plural } from "@/ui/format";
import { Markdown } from "@/ui/Markdown";
import { Page } from "@/ui/Page";
import { Scroll } from "@/ui/Scroll";
import { ErrorNote, Loaded, Loading } from "@/ui/states";
import { useUrlState } from "@/ui/urlState";
import { ValueChanges } from "@/ui/ValueChanges";
import { WhoSees } from "@/ui/WhoSees";
import { itemQuery, libraryChangesQuery, releasesQuery, usesQuery } from "./queries";

function Content({ release }: { release: LibraryRelease }) {
  if (release.kind !== "template") return <CodeBlock code={JSON.stringify(release.document, null, 2)} label="content" />;
  const files = Object.entries(release.document.files as Record<string, string>);
  return (
    <>
      {files.map(([path, text], i) => (
        <details key={path} open={i === 0}>
          <summary className="mono">{path}</summary>
          <CodeBlock code={text} label={path} />
        </details>
      ))}
    </>
  );
}

function Versions({ releases, chosen }: { releases: LibraryRelease[]; chosen: LibraryRelease }) {
  const [, setUrl] = useUrlState();
  return (
    <ol className="plain-list">
      {releases.map((release, i) => (
        <li key={release.version}>
          <button type="button" className="link mono" aria-pressed={release === chosen} onClick={() => setUrl({ version: i ? release.version : null, with: null })}>{release.version}</button>{" "}
          <span className="muted">by <Name>{release.author}</Name> <Time at={release.at} /> · {plural(release.runs ?? 0, "run")}{release.experiments ? ` of ${plural(release.experiments, "experiment")}` : ""}</span>
          {release.notes && <span className="block"><bdi>{release.notes}</bdi></span>}
        </li>
      ))}
    </ol>
  );
}

function Compared({ name, releases, chosen }: { name: string; releases: LibraryRelease[]; chosen: LibraryRelease }) {
  const [url, setUrl] = useUrlState();
  const others = releases.filter((release) => release !== chosen).map((release) => release.version);
  const before = releases[releases.indexOf(chosen) + 1]?.version ?? others[0] ?? "";
  const wanted = url.get("with") ?? before;
  const other = others.includes(wanted) ? wanted : before;
  const query = useQuery({ ...libraryChangesQuery(name, other, chosen.version), enabled: other !== "" });
  if (other === "") return null;
  return (
    <Section title="What changed" aside={<Select size="xs" w={150} aria-label="Compare with version" allowDeselect={false} data={others.map((value) => ({ value, label: `since ${value}` }))} value={other} onChange={(value) => setUrl({ with: value })} />}>
      <Loaded query={query} rows={2}>{(changes) => <ValueChanges changes={changes} before={other} after={chosen.version} />}</Loaded>
    </Section>
  );
}

function Uses({ name, version }: { name: string; version: string }) {
  const query = useQuery(usesQuery(name, version));
  return (
    <Section title={`Runs that used ${version}`}>
      <Loaded query={query} rows={3}>
        {(uses) => uses.length === 0 ? <p className="muted">None that you may see. A run counts when this version is inside its params or its task’s configuration.</p> : (
          <Scroll label="Runs">
            <table className="plain-table">
              <thead><tr><th>Run</th><th>Project</th><th className="wide">Experiment</th><th>When</th></tr></thead>
              <tbody>
                {uses.map((use) => (
                  <tr key={use.run_id}>
                    <th scope="row"><Link href={`/runs/${use.run_id}`}><Name>{use.run}</Name></Link></th>
                    <td><Link href={`/projects/${use.project}`}><bdi>{use.project}</bdi></Link></td>
                    <td className="wide">{use.experiment_id ? <Link href={`/experiments/${use.experiment_id}`} className="mono">{use.experiment_id.slice(0, 8)}</Link> : "–"}</td>
                    <td className="muted nowrap"><Time at={use.at} /></td>
                  </tr>
                ))}
              </tbody>
            </table>
          </Scroll>
        )}
      </Loaded>
    </Section>
  );
}

function Shown({ item, releases, chosen }: { item: LibraryItem; releases: LibraryRelease[]; chosen: LibraryRelease }) {
  return (
    <div className="columns">
      <div>
        {chosen.docs ? <Markdown text={chosen.docs} /> : <p className="muted">Version {chosen.version} came without docs.</p>}
        <Section title={item.kind === "template" ? "Files" : "Content"}><Content release={chosen} /></Section>
        {item.kind !== "template" && <Compared key={chosen.version} name={item.name} releases={releases} chosen={chosen} />}
        <Uses name={item.name} version={chosen.version} />
      </div>
      <div>
        <Section title="About">
          <Facts rows={[
            ["Owner", <Name key="o">{item.owner}</Name>],
            ["Team", item.team],
            ["Kind", item.kind],
            ["Used by", plural(item.uses ?? 0, "run")],
            ["Published", <Time key="t" at={chosen.at} />],
          ]} />
        </Section>
        <Section title="Versions" aside={<span className="muted small">{formatCount(releases.length)}</span>}><Versions releases={releases} chosen={chosen} /></Section>
      </div>
    </div>
  );
}

/** One shared configuration, component or template: content, docs, versions, what changed, who used it. */
export default function LibraryPage({ name }: { name: string }) {
  const [url] = useUrlState();
  const item = useQuery(itemQuery(name));
  const releases = useQuery(releasesQuery(name));
  const trail: [string, string][] = [["Knowledge", "/knowledge"], ["Shared configurations", "/libraries"]];
  const chosen = releases.data?.find((release) => release.version === url.get("version")) ?? releases.data?.[0];
  const error = item.error ?? releases.error;
  if (!item.data || !releases.data || !chosen) {
    return <Page title={name} trail={trail}>{error ? <ErrorNote error={error} retry={() => { void item.refetch(); void releases.refetch(); }} /> : <Loading rows={10} />}</Page>;
  }
  const wish = `^${chosen.version}`;
  const recipe = item.data.kind === "template"
    ? { cli: `runward new 'Longer warmup' --template ${shellQuote(name)} --version ${shellQuote(wish)}`, python: `release = workspace.libraries.get_release(${pythonString(name)}, ${pythonString(wish)})\n` }
    : { cli: `runward library use ${shellQuote(name)} ${shellQuote(wish)}`, python: `model = run.use_library(${pythonString(name)}, ${pythonString(wish)})\n` };
  return (
    <Page title={name} trail={trail} badges={<span className="muted">{item.data.kind} · {chosen.version}</span>} actions={<><WhoSees team={item.data.team} /><CopyAs recipe={recipe} /></>}>
      <Shown item={item.data} releases={releases.data} chosen={chosen} />
    </Page>
  );
}
