import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import { projectsQuery } from "@/api/queries";
import { formatCount } from "@/ui/format";

/** The projects directly below this one; their runs count here too. */
export function SubProjects({ path }: { path: string }) {
  const projects = useQuery(projectsQuery());
  const below = (projects.data ?? []).filter(
    (project) => project.path.startsWith(`${path}/`) && !project.path.slice(path.length + 1).includes("/"),
  );
  if (below.length === 0) return null;
  return (
    <nav className="sub-projects" aria-label="Projects below">
      {below.map((project) => (
        <Link key={project.id} href={`/projects/${project.path}`}><bdi>{project.name}</bdi> <span className="muted">{formatCount(project.runs)}</span></Link>
      ))}
    </nav>
  );
}
