import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense } from "react";
import { Link } from "wouter";
import { runQuery } from "@/api/queries";
import type { Model, ModelVersion } from "@/api/types";
import { Name, Section, Time } from "@/ui/bits";
import { CopyAs, pythonString } from "@/ui/CopyAs";
import { plural } from "@/ui/format";
import { Page } from "@/ui/Page";
import { Scroll } from "@/ui/Scroll";
import { ErrorNote, Loaded, Loading } from "@/ui/states";
import { useUrlState } from "@/ui/urlState";
import { modelQuery, modelVersionsQuery } from "./models";

const LineageView = lazy(() => import("@/ui/lineage/LineageView"));

function Versions({ versions, chosen, onChoose }: { versions: ModelVersion[]; chosen: ModelVersion | undefined; onChoose: (version: number) => void }) {
  return (
    <Scroll label="Versions">
      <table className="plain-table">
        <thead><tr><th className="num">Version</th><th>Aliases</th><th>Run</th><th className="wide">Stage</th><th className="wide">About</th><th className="wide">By</th><th className="wide">When</th></tr></thead>
        <tbody>
          {versions.map((version) => (
            <tr key={version.version} aria-current={version === chosen ? "true" : undefined}>
              <td className="num"><button type="button" className="link" onClick={() => onChoose(version.version)} aria-label={`Lineage of version ${version.version}`}>{version.version}</button></td>
              <td>{version.aliases?.length ? version.aliases.map((alias) => <span key={alias} className="tag"><bdi>{alias}</bdi></span>) : "–"}</td>
              <td>{version.run_id ? <Link href={`/runs/${version.run_id}`} className="mono">{version.run_id.slice(0, 8)}</Link> : "–"}</td>
              <td className="wide">{version.stage || "–"}</td>
              <td className="wide muted">{version.description || "–"}</td>
              <td className="wide"><Name>{version.created_by}</Name></td>
              <td className="wide muted nowrap"><Time at={version.created_at} /></td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function VersionLineage({ version }: { version: ModelVersion }) {
  const run = useQuery({ ...runQuery(version.run_id), enabled: version.run_id !== "" });
  const name = `${version.model}/${version.version}`;
  return (
    <Section title={`Lineage of version ${version.version}`}>
      {version.run_id
        ? <Loaded query={run} rows={4}>{({ run: { project } }) => <Suspense fallback={<Loading rows={4} />}><LineageView project={project} of={`model:${name}`} focus={`model:${name}`} /></Suspense>}</Loaded>
        : <p className="muted">It was registered without a run, so nothing is known of the data behind it.</p>}
    </Section>
  );
}

function Shown({ model }: { model: Model }) {
  const [url, setUrl] = useUrlState();
  const query = useQuery(modelVersionsQuery(model.name));
  return (
    <Loaded query={query}>
      {(versions) => {
        const chosen = versions.find((version) => String(version.version) === url.get("version")) ?? versions[0];
        return (
          <>
            <Section title="Versions" aside={<span className="muted small">{plural(versions.length, "version")}</span>}>
              {versions.length ? <Versions versions={versions} chosen={chosen} onChoose={(version) => setUrl({ version: String(version) })} /> : <p className="muted">None yet.</p>}
            </Section>
            {chosen && <VersionLineage key={chosen.version} version={chosen} />}
          </>
        );
      }}
    </Loaded>
  );
}

/** One registered model: its versions, each with its run and the data behind it. */
export default function ModelPage({ name }: { name: string }) {
  const query = useQuery(modelQuery(name));
  const trail: [string, string][] = [["Models & data", "/models"]];
  if (!query.data) return <Page title="Model" trail={trail}>{query.isError ? <ErrorNote error={query.error} retry={() => void query.refetch()} /> : <Loading rows={8} />}</Page>;
  const model = query.data;
  const recipe = { cli: `runward data lineage model:${model.name}/1`, python: `versions = workspace.registry.list_versions(${pythonString(model.name)})\n` };
  return (
    <Page title={model.name} trail={trail} actions={<CopyAs recipe={recipe} />}>
      {model.description && <p className="purpose"><bdi>{model.description}</bdi></p>}
      <p className="byline muted">of {model.team} · by <Name>{model.created_by}</Name> · changed <Time at={model.updated_at} /></p>
      <Shown model={model} />
    </Page>
  );
}
