import { useEffect, useRef } from "react";
import { Link } from "wouter";

/** Tabs that are addresses. */
export function Tabs({ base, current, tabs, label }: { base: string; current: string; tabs: [string, string][]; label: string }) {
  const bar = useRef<HTMLElement>(null);
  useEffect(() => {
    const here = bar.current?.querySelector<HTMLElement>("[aria-current]");
    if (bar.current && here) bar.current.scrollLeft = here.offsetLeft - bar.current.offsetLeft - 60;
  }, [current]);
  return (
    <nav className="tabs" aria-label={label} ref={bar}>
      {tabs.map(([key, word]) => (
        <Link key={key} href={`${base}/${key}`} aria-current={key === current ? "page" : undefined}>{word}</Link>
      ))}
    </nav>
  );
}
