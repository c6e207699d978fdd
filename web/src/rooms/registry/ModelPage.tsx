import { useQuery } from "@tanstack/react-query";
import { Link, Redirect } from "wouter";
import type { Model, ModelVersion } from "@/api/types";
import { Name, Section, Time } from "@/ui/bits";
import { CopyAs, pythonString, shellQuote } from "@/ui/CopyAs";
import { plural } from "@/ui/format";
import { LabelChip } from "@/ui/LabelChip";
import { Page } from "@/ui/Page";
import { Scroll } from "@/ui/Scroll";
import { Empty, ErrorNote, Loaded, Loading } from "@/ui/states";
import { useUrlState } from "@/ui/urlState";
import { WhoSees } from "@/ui/WhoSees";
import { Deployments } from "./Deployments";
import { aliasMovesQuery, deploymentsQuery, hrefOfVersion, modelQuery, modelVersionsQuery, servingQuery } from "./models";
import { Moves } from "./Moves";
import { Promote } from "./Promote";

function Versions({ versions }: { versions: ModelVersion[] }) {
  return (
    <Scroll label="Versions">
      <table className="plain-table">
        <thead><tr><th>Version</th><th>Aliases</th><th>Run</th><th className="wide">Stage</th><th className="wide">About</th><th className="wide">By</th><th>When</th></tr></thead>
        <tbody>
          {versions.map((version) => (
            <tr key={version.version}>
              <th scope="row"><Link href={hrefOfVersion(version.model, version.version)} aria-label={`Version ${version.version}`}>{version.version}</Link></th>
              <td>{version.aliases?.length ? version.aliases.map((alias) => <span key={alias} className="tag"><bdi>{alias}</bdi></span>) : "–"}</td>
              <td>{version.run_id ? <Link href={`/runs/${version.run_id}`} className="mono">{version.run_id.slice(0, 8)}</Link> : "–"}</td>
              <td className="wide">{version.stage || "–"}</td>
              <td className="wide muted">{version.description || "–"}</td>
              <td className="wide"><Name>{version.created_by}</Name></td>
              <td className="muted nowrap"><Time at={version.created_at} /></td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function VersionSection({ model }: { model: Model }) {
  const query = useQuery(modelVersionsQuery(model.name));
  const newest = query.data?.[0];
  return (
    <Section title="Versions" aside={newest && <Promote key={newest.version} model={model} version={newest} />}>
      <Loaded query={query}>
        {(versions) => versions.length ? <Versions versions={versions} /> : (
          <Empty title="No version yet" code={`runward model register ${shellQuote(model.name)} RUN`} language="shell">A version is what a run made: its files, with the code, the data and the environment behind them.</Empty>
        )}
      </Loaded>
    </Section>
  );
}

function Serving({ model }: { model: Model }) {
  const serving = useQuery(servingQuery(model.name));
  const records = useQuery(deploymentsQuery(model.name));
  return (
    <Section title="Where it serves" aside={records.data && records.data.length > 0 && <span className="muted small">{plural(records.data.length, "record")}</span>}>
      <Loaded query={serving} rows={2}>
        {(now) => now.length ? <Deployments records={now} label="What serves now" /> : (
          <p className="muted">Nowhere that anybody wrote down. <code>runward model deploy {shellQuote(model.name)} production --to TARGET</code> does, from the script that deploys.</p>
        )}
      </Loaded>
      {records.data && records.data.length > 0 && (
        <details className="spaced">
          <summary>All records</summary>
          <Deployments records={records.data} label="Records of deployments" />
        </details>
      )}
    </Section>
  );
}

function Aliases({ model }: { model: Model }) {
  const query = useQuery(aliasMovesQuery(model.name));
  return (
    <Section title="Aliases" aside={query.data && <span className="muted small">{plural(query.data.length, "move")}</span>}>
      <Loaded query={query} rows={2}>
        {(moves) => moves.length === 0 ? <p className="muted">No alias was ever set.</p> : <Moves moves={moves} />}
      </Loaded>
    </Section>
  );
}

/** One registered model: its versions, what serves where, and how its aliases moved. */
export default function ModelPage({ name }: { name: string }) {
  const query = useQuery(modelQuery(name));
  const [url] = useUrlState();
  const wanted = url.get("version");
  const trail: [string, string][] = [["Models & data", "/models"]];
  if (wanted) return <Redirect to={hrefOfVersion(name, wanted)} replace />;
  if (!query.data) return <Page title="Model" trail={trail}>{query.isError ? <ErrorNote error={query.error} retry={() => void query.refetch()} /> : <Loading rows={8} />}</Page>;
  const model = query.data;
  const recipe = { cli: `runward model history ${shellQuote(model.name)}`, python: `moves = workspace.registry.alias_history(${pythonString(model.name)})\n` };
  return (
    <Page title={model.name} trail={trail} badges={<LabelChip thing={`model:${model.name}`} />} actions={<><WhoSees team={model.team} thing={`model:${model.name}`} /><CopyAs recipe={recipe} /></>}>
      {model.description && <p className="purpose"><bdi>{model.description}</bdi></p>}
      <p className="byline muted">
        of {model.team} · by <Name>{model.created_by}</Name> · changed <Time at={model.updated_at} />
        {model.protected?.length ? <> · <bdi>{model.protected.join(", ")}</bdi> only by review{model.project && <> by the standards of <Link href={`/projects/${model.project}`}>{model.project}</Link></>}</> : " · no alias is protected"}
      </p>
      <VersionSection model={model} />
      <Serving model={model} />
      <Aliases model={model} />
    </Page>
  );
}
