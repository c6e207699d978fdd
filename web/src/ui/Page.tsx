import { type ReactNode, useEffect } from "react";
import { Link } from "wouter";

export type Crumb = [label: string, href: string];

/** The crumbs of a project's path. */
export function projectTrail(path: string): Crumb[] {
  const parts = path.split("/").filter(Boolean);
  return [["Projects", "/projects"], ...parts.map((part, i): Crumb => [part, `/projects/${parts.slice(0, i + 1).join("/")}`])];
}

/** A page: breadcrumb, heading, what can be done, content. */
export function Page({ title, trail, badges, actions, children, fill }: {
  title: string;
  trail: Crumb[];
  badges?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
  fill?: boolean;
}) {
  useEffect(() => {
    document.title = `${title} · Runward`;
  }, [title]);
  return (
    <article className={fill ? "page page-fill" : "page"}>
      {trail.length > 0 && (
        <nav aria-label="Breadcrumb" className="crumbs">
          <ol>{trail.map(([label, href]) => <li key={href}><Link href={href}><bdi>{label}</bdi></Link></li>)}</ol>
        </nav>
      )}
      <header className="page-head">
        <div className="page-title">
          <h1 title={title}><bdi>{title}</bdi></h1>
          {badges}
        </div>
        {actions && <div className="page-actions">{actions}</div>}
      </header>
      {children}
    </article>
  );
}
