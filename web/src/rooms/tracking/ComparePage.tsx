import { Checkbox, TextInput } from "@mantine/core";
import { type ReactNode, useState } from "react";
import { Link } from "wouter";
import type { Differences } from "@/api/types";
import { Marks, StatusBadge } from "@/ui/Badge";
import { Name } from "@/ui/bits";
import { lookOf, looksOf } from "@/ui/chart/colors";
import { Swatch } from "@/ui/chart/Swatch";
import { CopyAs, pythonString } from "@/ui/CopyAs";
import { plural } from "@/ui/format";
import { later } from "@/ui/later";
import { Page, projectTrail } from "@/ui/Page";
import { Empty, Loaded } from "@/ui/states";
import { changed, useUrlState } from "@/ui/urlState";
import { DiffGrid } from "./compare/DiffGrid";
import { useDifferences } from "./compare/differences";

const Curves = later(() => import("./compare/Curves"));
const Parallel = later(() => import("./compare/Parallel"));
const Scatter = later(() => import("./compare/Scatter"));
const SeedGroups = later(() => import("./compare/SeedGroups"));
const Media = later(() => import("./compare/Media"));
const Pair = later(() => import("./compare/Pair"));

const HEADS = 8;
const KEYS = 500;

function Heads({ runs, onDrop }: { runs: Differences["runs"]; onDrop: (id: string) => void }) {
  const [open, setOpen] = useState(false);
  return (
    <ul className={open ? "compared" : "compared few"}>
      {(open ? runs : runs.slice(0, HEADS)).map((run) => (
        <li key={run.id}>
          <Swatch look={lookOf(run.id)} />
          <Link href={`/runs/${run.id}`}><Name>{run.name || run.id}</Name></Link>
          <StatusBadge status={run.status} />
          <Marks run={run} />
          {runs.length > 2 && <button type="button" className="clear" aria-label={`Take ${run.name} out`} onClick={() => onDrop(run.id)}>×</button>}
        </li>
      ))}
      {runs.length > HEADS && <li><button type="button" className="link" onClick={() => setOpen(!open)}>{open ? "Show fewer" : `Show all ${runs.length}`}</button></li>}
    </ul>
  );
}

function Table({ found }: { found: Differences }) {
  const [url, setUrl] = useUrlState();
  const all = url.get("all") === "1";
  return (
    <>
      <div className="toolbar">
        <TextInput className="grow" data-filter placeholder="Search in keys  ( / )" aria-label="Search in keys" value={url.get("q") ?? ""} onChange={(event) => setUrl({ q: event.currentTarget.value })} />
        <Checkbox size="xs" label="Show what is the same, too" checked={all} onChange={() => setUrl({ all: all ? null : "1" })} />
      </div>
      <DiffGrid found={found} all={all} />
    </>
  );
}

const TABS: [string, string, (found: Differences, all: boolean) => ReactNode][] = [
  ["differences", "Differences", (found) => <Table found={found} />],
  ["curves", "Curves", (found) => <Curves found={found} />],
  ["parallel", "Parallel", (found) => <Parallel found={found} />],
  ["scatter", "Scatter", (found) => <Scatter found={found} />],
  ["groups", "Groups", (found) => <SeedGroups found={found} />],
  ["media", "Media", (found) => <Media found={found} />],
  ["pair", "Two runs", (found, all) => <Pair runs={found.runs} all={all} />],
];

/** Many runs side by side: only what differs, unless everything is asked for; as a table, curves, coordinates or groups. */
export default function ComparePage() {
  const [url, setUrl] = useUrlState();
  const ids = url.getAll("run");
  const all = url.get("all") === "1";
  const tab = TABS.find(([key]) => key === url.get("tab")) ?? TABS[0];
  const isTable = tab?.[0] === "differences";
  // The pictures choose among the differing keys; only the table is narrowed by what is typed.
  const query = useDifferences(ids, { search: isTable ? (url.get("q") ?? "") : "", same: isTable ? all : false, limit: KEYS }, ids.length > 1);
  looksOf(ids.slice(0, HEADS));
  const recipe = { cli: `runward runs compare ${ids.join(" ")}${all ? " --all" : ""}`, python: `found = workspace.analysis.differences([${ids.map(pythonString).join(", ")}]${all ? ", same=True" : ""})\n` };
  const project = query.data?.runs[0]?.project;
  if (ids.length < 2) {
    return <Page title="Compare" trail={[["Projects", "/projects"]]}><Empty title="Choose two or more runs">In a project, select runs with <kbd>x</kbd> and press <kbd>c</kbd>.</Empty></Page>;
  }
  return (
    <Page fill={isTable || tab?.[0] === "groups"} title={`Compare ${plural(ids.length, "run")}`} trail={project ? projectTrail(project) : [["Projects", "/projects"]]} actions={<CopyAs recipe={recipe} />}>
      <Loaded query={query} rows={12}>
        {(found) => (
          <>
            <Heads runs={found.runs} onDrop={(id) => setUrl({ run: ids.filter((other) => other !== id) })} />
            <nav className="tabs" aria-label="Ways to compare">
              {TABS.map(([key, word]) => <Link key={key} href={`/compare?${changed(url.toString(), { tab: key === "differences" ? null : key })}`} aria-current={key === tab?.[0] ? "page" : undefined}>{word}</Link>)}
            </nav>
            {tab?.[2](found, all)}
          </>
        )}
      </Loaded>
    </Page>
  );
}
