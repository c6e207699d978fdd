import type { ReactNode } from "react";
import { Link } from "wouter";
import type { Dataset, DatasetVersion } from "@/api/types";
import { IdChip, Name, Time } from "@/ui/bits";
import { CopyAs, pythonString, shellQuote } from "@/ui/CopyAs";
import { plural } from "@/ui/format";
import { LabelChip } from "@/ui/LabelChip";
import { later } from "@/ui/later";
import { Page } from "@/ui/Page";
import { ErrorNote, Loaded, Loading } from "@/ui/states";
import { Tabs } from "@/ui/Tabs";
import { useUrlState } from "@/ui/urlState";
import { WhoSees } from "@/ui/WhoSees";
import { useDataset, useVersion } from "./queries";
import { VersionPicker } from "./VersionPicker";

const HistoryTab = later(() => import("./HistoryTab"));
const ChangesTab = later(() => import("./ChangesTab"));
const DictionaryTab = later(() => import("./DictionaryTab"));
const FilesTab = later(() => import("./FilesTab"));
const LineageView = later(() => import("@/ui/lineage/LineageView"));

function VersionLineage({ dataset, version }: { dataset: Dataset; version: DatasetVersion }) {
  return <LineageView project={dataset.project} of={`dataset:${dataset.name}@${version.digest}`} focus={`dataset:${dataset.id}@${version.digest}`} />;
}

function LineageTab({ dataset }: { dataset: Dataset }) {
  const [url, setUrl] = useUrlState();
  const wanted = url.get("version") ?? "";
  const version = useVersion(dataset.id, wanted || "latest");
  return (
    <>
      <div className="toolbar"><VersionPicker dataset={dataset.id} label="Version" value={wanted} empty="latest" onChange={(picked) => setUrl({ version: picked })} /></div>
      <Loaded query={version}>{(found) => <VersionLineage dataset={dataset} version={found} />}</Loaded>
    </>
  );
}

const TABS: Record<string, [string, (dataset: Dataset, base: string) => ReactNode]> = {
  history: ["History", (dataset, base) => <HistoryTab dataset={dataset} base={base} />],
  changes: ["Changes", (dataset) => <ChangesTab dataset={dataset} />],
  dictionary: ["Dictionary", (dataset) => <DictionaryTab dataset={dataset} />],
  files: ["Files", (dataset) => <FilesTab dataset={dataset} />],
  lineage: ["Lineage", (dataset) => <LineageTab dataset={dataset} />],
};

/** One dataset: its versions, what changed, what its columns mean, its files, what came of it. */
export default function DatasetPage({ reference, tab }: { reference: string; tab: string }) {
  const query = useDataset(reference);
  const [url] = useUrlState();
  const trail: [string, string][] = [["Models & data", "/models"]];
  if (!query.data) return <Page title="Dataset" trail={trail}>{query.isError ? <ErrorNote error={query.error} retry={() => void query.refetch()} /> : <Loading rows={10} />}</Page>;
  const dataset = query.data;
  const base = `/data/${encodeURIComponent(reference)}`;
  const path = `${dataset.project}/${dataset.name}`;
  const version = url.get("version") ?? "";
  const named = version ? `${path}@${version}` : path;
  const shown = TABS[tab] ?? TABS.history;
  const purpose = url.get("for") ?? "";
  const recipe = {
    cli: `runward data checkout ${shellQuote(named)} ${shellQuote(dataset.name)}${purpose && ` --purpose ${shellQuote(purpose)}`}`,
    python: `workspace.datasets${purpose && `.read_for(${pythonString(purpose)})`}.checkout(${pythonString(path)}, ${pythonString(version || "latest")}, ${pythonString(dataset.name)})\n`,
  };
  return (
    <Page title={dataset.name} trail={[...trail, [dataset.project, `/models?project=${encodeURIComponent(dataset.project)}`]]} badges={<LabelChip thing={`dataset:${dataset.id}`} />} actions={<><WhoSees project={dataset.project} thing={`dataset:${dataset.id}`} /><CopyAs recipe={recipe} /></>}>
      {dataset.description && <p className="purpose"><bdi>{dataset.description}</bdi></p>}
      <p className="byline muted">
        <IdChip id={dataset.id} label="dataset id" /> by <Name>{dataset.created_by}</Name> · {plural(dataset.versions, "version")} · changed <Time at={dataset.updated_at} />
        {Object.entries(dataset.names).slice(0, 12).map(([name, digest]) => <Link key={name} href={`${base}/changes?version=${digest.slice(0, 12)}`} className="tag" title={digest}><bdi>{name}</bdi></Link>)}
      </p>
      <Tabs base={base} current={TABS[tab] ? tab : "history"} tabs={Object.entries(TABS).map(([key, [word]]) => [key, word])} label="Parts of the dataset" />
      {shown?.[1](dataset, base)}
    </Page>
  );
}
