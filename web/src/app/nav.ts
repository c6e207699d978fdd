import type { IconName } from "@/ui/icons";

export interface Place {
  label: string;
  href: string;
  icon: IconName;
}

/** The eight places of the rail, and no more. */
export const PLACES: Place[] = [
  { label: "Inbox", href: "/inbox", icon: "inbox" },
  { label: "Projects", href: "/projects", icon: "projects" },
  { label: "Reviews", href: "/reviews", icon: "reviews" },
  { label: "Reproductions", href: "/reproductions", icon: "reproductions" },
  { label: "Models & data", href: "/models", icon: "models" },
  { label: "Knowledge", href: "/knowledge", icon: "knowledge" },
  { label: "Queue", href: "/queue", icon: "queue" },
  { label: "Insights", href: "/insights", icon: "insights" },
];

export const ADMIN: Place = { label: "Admin", href: "/admin", icon: "admin" };

const ALSO: Record<string, string[]> = { "/projects": ["/runs", "/compare", "/standards"], "/knowledge": ["/libraries"], "/models": ["/data"], "/reproductions": ["/why"] };

/** Whether a place is where the reader is. */
export function isHere(place: Place, location: string): boolean {
  return [place.href, ...(ALSO[place.href] ?? [])].some((href) => location === href || location.startsWith(`${href}/`));
}
