import type { InfiniteData, Query, QueryClient, QueryKey } from "@tanstack/react-query";
import { useEffect } from "react";
import { forgetCurves, noteNewPoints } from "@/api/curves";
import { setReachable } from "./connection";

export interface Change {
  kind: string;
  object_kind: string;
  object_id: string;
  project_id: string;
}

/** The queries that a change makes stale, as the beginnings of their keys. */
export function staleKeys({ kind, object_id: id }: Change): QueryKey[] {
  if (kind === "run.points") return [["curves"], ["run", id], ["output", id], ["runs"]];
  if (kind === "run.output") return [["output", id]];
  if (kind.startsWith("run.")) return [["run", id], ["output", id], ["runs"], ["projects"], ["inbox"], ["differences"]];
  if (kind.startsWith("comment.")) return [["run", id, "comments"], ["inbox"]];
  if (kind.startsWith("review.")) return [["review", id], ["reviews"], ["runs"], ["run"], ["inbox"]];
  if (kind.startsWith("verification.")) return [["verifications"], ["verification", id], ["runs"], ["run"], ["inbox"]];
  if (kind.startsWith("explanation.")) return [["explanations"], ["explanation", id]];
  if (kind.startsWith("dataset.")) return [["datasets"], ["dataset"], ["lineage"]];
  if (kind.startsWith("model.")) return [["models"], ["lineage"], ["inbox"]];
  if (kind.startsWith("deployment.")) return [["models"], ["inbox"]];
  if (kind.startsWith("page.")) return [["pages"], ["page", id], ["search"], ["inbox"]];
  if (kind.startsWith("report.")) return [["report", id], ["reports"]];
  if (kind.startsWith("project.") || kind.startsWith("experiment.")) return [["projects"], ["runs"]];
  if (kind.startsWith("member.") || kind.startsWith("team.")) return [["members"], ["inbox"]];
  return [["inbox"]];
}

// With the look of the server (0.4 s) and the answer, a change is in the table within two seconds.
const TABLE_EVERY_MS = 1200;
const PAGES_KEPT_FRESH = 2;

/** How often a query may be asked again: a curve each second, the large run table more rarely. */
const intervalOf = (key: QueryKey): number => (key[0] === "runs" ? TABLE_EVERY_MS : 1000);

/** Gathers keys and hands each on at most once per interval, the first one at once. */
export function throttled(flush: (key: QueryKey) => void): (key: QueryKey) => void {
  const waiting = new Set<string>();
  const last = new Map<string, number>();
  return (key) => {
    const name = JSON.stringify(key);
    if (waiting.has(name)) return;
    const wait = Math.max(0, (last.get(name) ?? 0) + intervalOf(key) - Date.now());
    waiting.add(name);
    setTimeout(() => {
      waiting.delete(name);
      last.set(name, Date.now());
      flush(key);
    }, wait);
  };
}

/** Whether a query is cheap to ask again: a table that was scrolled far would be fetched page after page. */
function isCheap(query: Query): boolean {
  const pages = (query.state.data as Partial<InfiniteData<unknown>> | undefined)?.pages;
  return !Array.isArray(pages) || pages.length <= PAGES_KEPT_FRESH;
}

/** Whether a further page is on its way: asking again now would cancel what somebody clicked for. */
function isGrowing(query: Query): boolean {
  const meta = query.state.fetchMeta as { fetchMore?: unknown } | null;
  return query.state.fetchStatus === "fetching" && Boolean(meta?.fetchMore);
}

/** Asks again for what is looked at; a table that is just growing afterwards. */
export async function refresh(client: QueryClient, queryKey: QueryKey): Promise<void> {
  await client.invalidateQueries({ queryKey, refetchType: "none" });
  const growing = client.getQueryCache().findAll({ queryKey, type: "active", predicate: isGrowing });
  const later = growing.map(async (query) => {
    await query.promise?.catch(() => undefined);
    await client.refetchQueries({ queryKey: query.queryKey, exact: true, type: "active", predicate: isCheap });
  });
  await client.refetchQueries({ queryKey, type: "active", predicate: (query) => isCheap(query) && !isGrowing(query) });
  await Promise.all(later);
}

/** One stream for the whole app: what changes on the server is asked for again. */
export function useLive(client: QueryClient, enabled: boolean): void {
  useEffect(() => {
    if (!enabled) return;
    const stale = throttled((queryKey) => void refresh(client, queryKey));
    let lost = false;
    const source = new EventSource("/api/v1/stream");
    source.addEventListener("change", (event) => {
      const change = JSON.parse((event as MessageEvent<string>).data) as Change;
      if (change.kind === "run.points") noteNewPoints(change.object_id);
      staleKeys(change).forEach(stale);
    });
    // From here on every change is told, and those of the last seconds, in which a new page was asked for.
    source.addEventListener("begin", () => {
      setReachable(true);
      if (lost) {
        forgetCurves();
        void client.invalidateQueries();
      }
      lost = false;
    });
    source.onerror = () => {
      lost = true;
      if (source.readyState !== EventSource.OPEN) setReachable(false);
    };
    return () => source.close();
  }, [client, enabled]);
}
