import { Link } from "wouter";

/** Tabs that are addresses. */
export function Tabs({ base, current, tabs, label }: { base: string; current: string; tabs: [string, string][]; label: string }) {
  return (
    <nav className="tabs" aria-label={label}>
      {tabs.map(([key, word]) => (
        <Link key={key} href={`${base}/${key}`} aria-current={key === current ? "page" : undefined}>{word}</Link>
      ))}
    </nav>
  );
}
