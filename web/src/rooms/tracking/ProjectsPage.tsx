import { TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import { projectsQuery } from "@/api/queries";
import type { Project } from "@/api/types";
import { Name, Time } from "@/ui/bits";
import { CopyAs } from "@/ui/CopyAs";
import { formatCount, plural } from "@/ui/format";
import { Page } from "@/ui/Page";
import { Empty, Loaded } from "@/ui/states";
import { useUrlState } from "@/ui/urlState";
import { useRowKeys } from "@/ui/useRowKeys";
import { snippet } from "./snippets";
import { Scroll } from "@/ui/Scroll";

/** Runs of a project and of everything below it, as its table shows them. */
const runsIn = (project: Project, all: Project[]): number =>
  all.filter((other) => other.id === project.id || other.path.startsWith(`${project.path}/`)).reduce((sum, other) => sum + other.runs, 0);

const depth = (project: Project) => project.path.split("/").length - 1;

function Tree({ projects, all, filtered }: { projects: Project[]; all: Project[]; filtered: boolean }) {
  const active = useRowKeys(projects.length, {
    open: (i) => document.querySelectorAll<HTMLAnchorElement>("[data-row] a")[i]?.click(),
  });
  return (
    <Scroll label="Projects">
      <table className="plain-table">
        <thead><tr><th>Project</th><th className="num">Runs</th><th className="wide">Team</th><th className="wide">About</th><th className="wide">Created</th></tr></thead>
        <tbody>
          {projects.map((project, i) => (
            <tr key={project.id} data-row aria-current={i === active ? "true" : undefined}>
              <th scope="row" style={{ paddingLeft: filtered ? 0 : depth(project) * 20 }}>
                <Link href={`/projects/${project.path}`}><Name title={project.path}>{filtered ? project.path : project.name}</Name></Link>
              </th>
              <td className="num">{formatCount(runsIn(project, all))}</td>
              <td className="wide">{project.team}</td>
              <td className="wide muted">{project.description}</td>
              <td className="wide muted"><Time at={project.created_at} /></td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

/** The tree of projects with how many runs each holds. */
export default function ProjectsPage() {
  const query = useQuery(projectsQuery());
  const [url, setUrl] = useUrlState();
  const wanted = url.get("q") ?? "";
  const recipe = { cli: "runward projects list", python: "for project in workspace.tracking.list_projects():\n    print(project.path, project.runs)\n" };
  return (
    <Page title="Projects" trail={[]} actions={<CopyAs recipe={recipe} />}>
      <Loaded query={query}>
        {(projects) => {
          if (projects.length === 0) {
            return <Empty title="No project yet" code={snippet("my-project")}>A project appears with its first run. Three lines are enough:</Empty>;
          }
          const shown = projects.filter((project) => project.path.toLowerCase().includes(wanted.toLowerCase()));
          return (
            <>
              <div className="toolbar">
                <TextInput className="grow" data-filter placeholder="Filter by name  ( / )" aria-label="Filter projects by name" value={wanted}
                  onChange={(event) => setUrl({ q: event.currentTarget.value })} />
                <span className="muted">{plural(shown.length, "project")}</span>
              </div>
              {shown.length ? <Tree projects={shown} all={projects} filtered={wanted !== ""} /> : <p className="muted">No project’s path contains “{wanted}”.</p>}
            </>
          );
        }}
      </Loaded>
    </Page>
  );
}
