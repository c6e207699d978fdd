const PLACES: Record<string, string> = {
  run: "/runs", review: "/reviews", verification: "/reproductions", page: "/knowledge", project: "/projects", report: "/reports", experiment: "/experiments", explanation: "/why", dataset: "/data", model: "/models",
};
const PAGE_KINDS = new Set(["practice", "decision", "guide", "card", "post-mortem", "result"]);

/** Where an object of that kind is shown; for what was said about it, where that is. */
export function hrefOf(kind: string, id: string, event = ""): string {
  if (kind === "run" && event.startsWith("comment.")) return `/runs/${id}/discussion`;
  if (PAGE_KINDS.has(kind)) return `/knowledge/${id}`;
  return PLACES[kind] ? `${PLACES[kind]}/${id}` : "/inbox";
}
