import { Button } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { api } from "@/api/client";
import { Name, Time } from "@/ui/bits";
import { ErrorNote, Loading } from "@/ui/states";
import { Scroll } from "@/ui/Scroll";

/** Who did what to which object, newest first. */
export function AuditTab() {
  const query = useInfiniteQuery({
    queryKey: ["audit"],
    queryFn: ({ pageParam, signal }) => api.get("/api/v1/audit", { query: { before: pageParam, limit: 100 }, signal }),
    initialPageParam: undefined as number | undefined,
    getNextPageParam: (page) => page.next_before ?? undefined,
  });
  if (query.isError) return <ErrorNote error={query.error} />;
  if (!query.data) return <Loading />;
  return (
    <>
      <Scroll label="Audit">
        <table className="plain-table">
          <thead><tr><th>When</th><th>Who</th><th>What</th><th className="wide">Object</th><th>Outcome</th><th className="wide">Via</th></tr></thead>
          <tbody>
            {query.data.pages.flatMap((page) => page.events).map((event) => (
              <tr key={event.id}>
                <td className="muted nowrap"><Time at={event.at} /></td>
                <td><Name>{event.actor}</Name></td>
                <td className="mono break">{event.operation}</td>
                <td className="wide mono">{event.object_kind} {event.object_id}</td>
                <td className={event.outcome === "ok" ? "tone-green" : "tone-red"}>{event.outcome}</td>
                <td className="wide muted">{event.via}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      {query.hasNextPage && <Button className="spaced" variant="default" loading={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>Older</Button>}
    </>
  );
}
