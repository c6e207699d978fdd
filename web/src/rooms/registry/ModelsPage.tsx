import { TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import type { Model } from "@/api/types";
import { Name, Section, Time } from "@/ui/bits";
import { CopyAs, shellQuote } from "@/ui/CopyAs";
import { plural } from "@/ui/format";
import { Page } from "@/ui/Page";
import { Scroll } from "@/ui/Scroll";
import { Empty, Loaded } from "@/ui/states";
import { useUrlState } from "@/ui/urlState";
import { Datasets } from "./Datasets";
import { modelsQuery } from "./models";

const SHOWN = 200;

function ModelRows({ models }: { models: Model[] }) {
  return (
    <Scroll label="Models">
      <table className="plain-table">
        <thead><tr><th>Model</th><th className="wide">About</th><th>Newest</th><th>Aliases</th><th className="wide">Team</th><th className="wide">Changed</th></tr></thead>
        <tbody>
          {models.slice(0, SHOWN).map((model) => (
            <tr key={model.id}>
              <th scope="row"><Link href={`/models/${encodeURIComponent(model.name)}`}><Name>{model.name}</Name></Link></th>
              <td className="wide muted">{model.description || "–"}</td>
              <td className="mono">{Math.max(0, ...model.latest.map((version) => version.version)) || "–"}</td>
              <td>{Object.entries(model.aliases).map(([alias, version]) => <span key={alias} className="tag"><bdi>{alias}</bdi> {version}</span>)}</td>
              <td className="wide">{model.team}</td>
              <td className="wide muted nowrap"><Time at={model.updated_at} /></td>
            </tr>
          ))}
        </tbody>
      </table>
      {models.length > SHOWN && <p className="muted small">{SHOWN} of {plural(models.length, "model")}: filter by name.</p>}
    </Scroll>
  );
}

function Models({ search }: { search: string }) {
  const query = useQuery(modelsQuery());
  const fits = (model: Model) => model.name.toLowerCase().includes(search.toLowerCase());
  return (
    <Section title="Models" aside={query.data && <span className="muted small">{plural(query.data.filter(fits).length, "model")}</span>}>
      <Loaded query={query} rows={3}>
        {(models) => {
          if (models.length === 0) return <Empty title="No model is registered" code={'mlflow.register_model("runs:/…/model", "digits")'}>Versions with their aliases are listed here, each with its run. An MLflow client registers them as it is:</Empty>;
          const shown = models.filter(fits);
          return shown.length ? <ModelRows models={shown} /> : <p className="muted">None fits.</p>;
        }}
      </Loaded>
    </Section>
  );
}

/** Datasets and models: what goes into runs and what comes of them. */
export default function ModelsPage() {
  const [url, setUrl] = useUrlState();
  const project = url.get("project") ?? "";
  const [search] = useDebouncedValue(url.get("q") ?? "", 150);
  const recipe = { cli: `runward data list${project && ` --project ${shellQuote(project)}`}`, python: `page = workspace.data.find_datasets(${project && `project=${JSON.stringify(project)}`})\n` };
  return (
    <Page title="Models & data" trail={[]} actions={<CopyAs recipe={recipe} />}>
      <div className="toolbar">
        <TextInput className="grow" data-filter placeholder="Filter by name  ( / )" aria-label="Filter datasets and models by name" value={url.get("q") ?? ""} onChange={(event) => setUrl({ q: event.currentTarget.value })} />
        {project && <span>in <bdi>{project}</bdi> <button type="button" className="link" onClick={() => setUrl({ project: null })}>everywhere</button></span>}
      </div>
      <Datasets search={search} project={project} />
      {!project && <Models search={search} />}
    </Page>
  );
}
