import { SegmentedControl } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link, useLocation } from "wouter";
import type { Verification } from "@/api/types";
import { Name, Time } from "@/ui/bits";
import { CopyAs } from "@/ui/CopyAs";
import { formatDuration, plural } from "@/ui/format";
import { Page } from "@/ui/Page";
import { Empty, Loaded } from "@/ui/states";
import { useUrlState } from "@/ui/urlState";
import { useRowKeys } from "@/ui/useRowKeys";
import { verificationsQuery } from "./queries";
import { VerdictBadge } from "./VerdictBadge";
import { Scroll } from "@/ui/Scroll";

const VERDICTS = [
  { value: "all", label: "All" },
  { value: "reproduced", label: "Reproduced" },
  { value: "not_reproduced", label: "Differs" },
  { value: "undecided", label: "Undecided" },
];

function Rows({ rows }: { rows: Verification[] }) {
  const [, navigate] = useLocation();
  const active = useRowKeys(rows.length, { open: (i) => rows[i] && navigate(`/reproductions/${rows[i].id}`) });
  return (
    <Scroll label="Verifications">
      <table className="plain-table">
        <thead><tr><th>Run</th><th>Verdict</th><th className="wide">Why</th><th className="wide">By</th><th className="wide">On</th><th className="num wide">Took</th><th className="wide">When</th></tr></thead>
        <tbody>
          {rows.map((row, i) => (
            <tr key={row.id} aria-current={i === active ? "true" : undefined}>
              <th scope="row"><Link href={`/reproductions/${row.id}`}><Name>{row.run_name || row.run_id}</Name></Link><span className="muted small block">{row.project}</span></th>
              <td><VerdictBadge verification={row} /></td>
              <td className="wide">{row.reason}</td>
              <td className="wide"><Name>{row.by}</Name></td>
              <td className="wide mono">{row.host || "–"}</td>
              <td className="num wide">{formatDuration(row.duration_s)}</td>
              <td className="wide muted nowrap"><Time at={row.at} /></td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

/** What was rerun and what came out. */
export default function ReproductionsPage() {
  const [url, setUrl] = useUrlState();
  const verdict = url.get("verdict") ?? "all";
  const query = useQuery(verificationsQuery(url.get("project") ?? "", url.get("run") ?? ""));
  return (
    <Page title="Reproductions" trail={[]} actions={<CopyAs recipe={{ cli: "runward runs list --where 'marks.verification is not null'", python: "verifications = workspace.repro.list_verifications()\n" }} />}>
      <Loaded query={query}>
        {(all) => {
          if (all.length === 0) {
            return <Empty title="Nothing has been reproduced yet" language="shell" code="runward verify @last --level environment">One command rebuilds code, packages and data of a run in a clean place, runs it again and compares:</Empty>;
          }
          const rows = all.filter((row) => verdict === "all" || row.verdict === verdict);
          return (
            <>
              <div className="toolbar">
                <SegmentedControl size="xs" data={VERDICTS} value={verdict} onChange={(value) => setUrl({ verdict: value === "all" ? null : value })} aria-label="Verdict" />
                <span className="muted">{plural(rows.length, "verification")}</span>
              </div>
              {rows.length ? <Rows rows={rows} /> : <p className="muted">None with this verdict.</p>}
            </>
          );
        }}
      </Loaded>
    </Page>
  );
}
