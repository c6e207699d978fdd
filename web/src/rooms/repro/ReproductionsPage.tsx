import { Button, SegmentedControl } from "@mantine/core";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link, useLocation } from "wouter";
import { projectsQuery } from "@/api/queries";
import { verificationPages } from "@/api/repro";
import type { Verification } from "@/api/types";
import { Name, Section, Time } from "@/ui/bits";
import { CopyAs, pythonString } from "@/ui/CopyAs";
import { formatDuration, plural } from "@/ui/format";
import { Page } from "@/ui/Page";
import { Scroll } from "@/ui/Scroll";
import { Empty, Loaded } from "@/ui/states";
import { useUrlState } from "@/ui/urlState";
import { useRowKeys } from "@/ui/useRowKeys";
import { Queue } from "./Queue";
import { Rates } from "./Rates";
import { VerdictBadge } from "./VerdictBadge";

const VERDICTS = [
  { value: "", label: "All" },
  { value: "reproduced", label: "Reproduced" },
  { value: "not_reproduced", label: "Differs" },
  { value: "undecided", label: "Undecided" },
];
const LEVELS = [
  { value: "", label: "any" },
  { value: "basic", label: "Basic" },
  { value: "environment", label: "Environment" },
  { value: "statistical", label: "Statistical" },
  { value: "conceptual", label: "Conceptual" },
];

function Rows({ rows }: { rows: Verification[] }) {
  const [, navigate] = useLocation();
  const active = useRowKeys(rows.length, { open: (i) => rows[i] && navigate(`/reproductions/${rows[i].id}`) });
  return (
    <Scroll label="Verifications">
      <table className="plain-table verifications">
        <thead><tr><th>Run</th><th>Verdict</th><th className="wide">Asked for</th><th className="wide">Why</th><th className="wide">By</th><th className="num wide">Took</th><th className="wide">When</th></tr></thead>
        <tbody>
          {rows.map((row, i) => (
            <tr key={row.id} aria-current={i === active ? "true" : undefined}>
              <th scope="row"><Link href={`/reproductions/${row.id}`}><Name>{row.run_name || row.run_id}</Name></Link><span className="muted small block"><bdi>{row.project}</bdi></span></th>
              <td><VerdictBadge verification={row} /></td>
              <td className="wide">{row.attempted || "–"}</td>
              <td className="wide break"><bdi>{row.reason}</bdi></td>
              <td className="wide"><Name>{row.by}</Name><span className="muted small block mono">{row.host}</span></td>
              <td className="num wide nowrap">{formatDuration(row.duration_s)}</td>
              <td className="wide muted nowrap"><Time at={row.at} /></td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function Filters() {
  const [url, setUrl] = useUrlState();
  const projects = useQuery(projectsQuery());
  return (
    <div className="toolbar">
      <label className="inline-field">
        <span>Project</span>
        <select className="plain-select" value={url.get("project") ?? ""} onChange={(event) => setUrl({ project: event.currentTarget.value || null })}>
          <option value="">all</option>
          {projects.data?.map((project) => <option key={project.id} value={project.path}>{project.path}</option>)}
        </select>
      </label>
      <label className="inline-field">
        <span>Level</span>
        <select className="plain-select" value={url.get("level") ?? ""} onChange={(event) => setUrl({ level: event.currentTarget.value || null })}>
          {LEVELS.map(({ value, label }) => <option key={value} value={value}>{label}</option>)}
        </select>
      </label>
      <SegmentedControl size="xs" data={VERDICTS} value={url.get("verdict") ?? ""} onChange={(verdict) => setUrl({ verdict: verdict || null })} aria-label="Verdict" />
    </div>
  );
}

/** What was rerun and what came out: rates, what waits, and every verification. */
export default function ReproductionsPage() {
  const [url] = useUrlState();
  const of = (key: string) => url.get(key) ?? "";
  const filter = { project: of("project"), run_id: of("run"), verdict: of("verdict"), level: of("level") };
  const query = useInfiniteQuery(verificationPages(filter));
  const rows = query.data?.pages.flat() ?? [];
  const filtered = Object.values(filter).some(Boolean);
  const args = Object.entries(filter).filter(([, value]) => value).map(([key, value]) => `${key}=${pythonString(value)}`).join(", ");
  const recipe = { cli: "runward runs list --where 'marks.verification is not null'", python: `verifications = workspace.repro.list_verifications(${args})\nrates = workspace.findings.verification_rates(${filter.project && pythonString(filter.project)})\n` };
  return (
    <Page title="Reproductions" trail={[]} actions={<CopyAs recipe={recipe} />}>
      <Filters />
      {!filter.run_id && <><Rates project={filter.project} search={url.toString()} /><Queue project={filter.project} /></>}
      <Section title="Verifications" aside={query.data && <span className="muted small">{plural(rows.length, "verification")}{query.hasNextPage && " and more"}</span>}>
        <Loaded query={query}>
          {() => {
            if (rows.length === 0 && !filtered) return <Empty title="Nothing has been reproduced yet" language="shell" code="runward verify @last --level environment">One command rebuilds code, packages and data of a run in a clean place, runs it again and compares:</Empty>;
            if (rows.length === 0) return <p className="muted">None fits.</p>;
            return (
              <>
                <Rows rows={rows} />
                {query.hasNextPage && <p className="kept"><Button size="compact-xs" variant="default" loading={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>Show older ones</Button></p>}
              </>
            );
          }}
        </Loaded>
      </Section>
    </Page>
  );
}
