import { Button } from "@mantine/core";
import { Link, useLocation } from "wouter";
import type { Report } from "@/api/types";
import { Name, Time } from "@/ui/bits";
import { CopyAs, pythonString, shellQuote } from "@/ui/CopyAs";
import { Page, projectTrail } from "@/ui/Page";
import { Scroll } from "@/ui/Scroll";
import { Empty, Loaded } from "@/ui/states";
import { useRowKeys } from "@/ui/useRowKeys";
import { useUrlState } from "@/ui/urlState";
import { useReports, useRestore } from "./reports/queries";
import { StateOf } from "./reports/StateOf";

function Rows({ reports }: { reports: Report[] }) {
  const [, navigate] = useLocation();
  const active = useRowKeys(reports.length, { open: (i) => reports[i] && navigate(`/reports/${reports[i].id}`) });
  return (
    <Scroll label="Reports">
      <table className="plain-table">
        <thead><tr><th scope="col">Title</th><th scope="col">State</th><th scope="col" className="wide">Project</th><th scope="col" className="wide">By</th><th scope="col">Edited</th></tr></thead>
        <tbody>
          {reports.map((report, i) => (
            <tr key={report.id} className={i === active ? "active" : undefined}>
              <th scope="row"><Link href={`/reports/${report.id}`}><Name>{report.title}</Name></Link></th>
              <td><StateOf report={report} /></td>
              <td className="wide"><Name>{report.project}</Name></td>
              <td className="wide"><Name>{report.author}</Name></td>
              <td><Time at={report.updated_at} /></td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

/** The reports of a project. */
export default function ReportsPage() {
  const [url, setUrl] = useUrlState();
  const project = url.get("project") ?? "";
  const deleted = url.get("deleted");
  const query = useReports(project);
  const restore = useRestore();
  const recipe = { cli: `runward reports list ${shellQuote(project)}`, python: `reports = workspace.reports.list_reports(${pythonString(project)})\n` };
  return (
    <Page title="Reports" trail={projectTrail(project)}
      actions={project && <><CopyAs recipe={recipe} /><Button component={Link} href={`/reports/new?project=${encodeURIComponent(project)}`}>New report</Button></>}>
      {deleted && (
        <p className="note" role="status">
          The report was deleted. <Button size="compact-xs" variant="subtle" disabled={restore.isPending} onClick={() => restore.mutate(deleted, { onSuccess: () => setUrl({ deleted: null }) })}>Bring it back</Button>
        </p>
      )}
      {project === "" && <Empty title="Reports belong to a project">Choose one in <Link href="/projects">Projects</Link>: its page has a button for its reports.</Empty>}
      {project !== "" && <Loaded query={query}>
        {(reports) => (reports.length ? <Rows reports={reports} /> : (
          <Empty title="No report yet" code={`runward reports create report.yaml -p ${shellQuote(project)}`} language="shell">
            Text, tables, curves and media over this project’s runs; live or pinned, and sent by a link.
          </Empty>
        ))}
      </Loaded>}
    </Page>
  );
}
