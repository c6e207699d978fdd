import type { MouseEvent, ReactNode } from "react";
import { navigate } from "wouter/use-browser-location";

function follow(event: MouseEvent<HTMLAnchorElement>): void {
  if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey || event.button !== 0) return;
  event.preventDefault();
  navigate(event.currentTarget.getAttribute("href") ?? "");
}

/** A link within the app for tables of thousands: wouter's own would follow the address in each of their rows. */
export function RowLink({ href, children, ...props }: { href: string; className?: string; title?: string; "data-run-row"?: number; children: ReactNode }) {
  return <a href={href} {...props} onClick={follow}>{children}</a>;
}
