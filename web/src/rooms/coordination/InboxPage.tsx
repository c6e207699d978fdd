import { Button, SegmentedControl } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useLocation } from "wouter";
import { api } from "@/api/client";
import { inboxQuery } from "@/api/inbox";
import type { Notification } from "@/api/types";
import { Name, Time } from "@/ui/bits";
import { hrefOf } from "@/ui/links";
import { Page } from "@/ui/Page";
import { Empty, ErrorNote, Loaded } from "@/ui/states";
import { useUrlState } from "@/ui/urlState";
import { useRowKeys } from "@/ui/useRowKeys";

function useMarkRead() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (ids: number[]) => api.post("/api/v1/inbox/read", { body: { ids } }),
    onSuccess: () => client.invalidateQueries({ queryKey: ["inbox"] }),
  });
}

const SIGNS: Record<string, [string, string]> = { failed: ["✗", "tone-red"], requested: ["◌", "tone-accent"], applied: ["✓", "tone-green"], finished: ["●", "tone-green"] };

function Line({ item, active, onRead }: { item: Notification; active: boolean; onRead: () => void }) {
  const [sign, tone] = SIGNS[item.kind.split(".").at(-1) ?? ""] ?? ["·", "muted"];
  return (
    <li className={item.read ? "inbox-line read" : "inbox-line"} aria-current={active ? "true" : undefined}>
      <span aria-hidden="true" className={`badge-sign ${tone}`}>{sign}</span>
      <div className="inbox-text">
        {item.object_id ? <Link href={hrefOf(item.object_kind, item.object_id, item.kind)} onClick={onRead}><bdi>{item.title}</bdi></Link> : <strong><bdi>{item.title}</bdi></strong>}
        {item.body && <p className="muted"><bdi>{item.body}</bdi></p>}
        <p className="muted small"><span className="mono">{item.kind}</span> · <Name>{item.actor || "Runward"}</Name> · <Time at={item.at} /></p>
      </div>
      {!item.read && <Button variant="subtle" size="compact-xs" onClick={onRead}>Mark read<span className="sr-only">: {item.title}</span></Button>}
    </li>
  );
}

function Lines({ items }: { items: Notification[] }) {
  const mark = useMarkRead();
  const [, navigate] = useLocation();
  const active = useRowKeys(items.length, {
    open: (i) => items[i]?.object_id && navigate(hrefOf(items[i].object_kind, items[i].object_id, items[i].kind)),
    select: (i) => items[i] && mark.mutate([items[i].id]),
  });
  return (
    <>
      {mark.isError && <ErrorNote error={mark.error} />}
      <ul className="inbox">{items.map((item, i) => <Line key={item.id} item={item} active={i === active} onRead={() => mark.mutate([item.id])} />)}</ul>
    </>
  );
}

/** What waits for the reader, oldest first. */
export default function InboxPage() {
  const [url, setUrl] = useUrlState();
  const unread = url.get("show") !== "all";
  const query = useQuery(inboxQuery(unread));
  const mark = useMarkRead();
  const count = query.data?.unread ?? 0;
  return (
    <Page title="Inbox" trail={[]} actions={count > 0 && <Button variant="default" onClick={() => mark.mutate([])}>Mark all read</Button>}>
      <div className="toolbar">
        <SegmentedControl size="xs" data={[{ value: "unread", label: `Unread ${count}` }, { value: "all", label: "All" }]} value={unread ? "unread" : "all"}
          onChange={(value) => setUrl({ show: value === "all" ? "all" : null })} aria-label="Which" />
      </div>
      <Loaded query={query}>
        {({ items }) => items.length ? <Lines items={items} /> : (
          <Empty title={unread ? "Nothing waits for you" : "Nothing yet"} code={'run.notify_team("research", "The new split is in place")'}>
            Requests for review, failed runs and messages to your teams arrive here.
          </Empty>
        )}
      </Loaded>
    </Page>
  );
}
