import { SegmentedControl } from "@mantine/core";
import { useLocation } from "wouter";
import type { RunDetail } from "@/api/types";
import { Section } from "@/ui/bits";
import { Loaded } from "@/ui/states";
import { useRowKeys } from "@/ui/useRowKeys";
import { useUrlState } from "@/ui/urlState";
import { Composer } from "@/ui/Composer";
import { useComments, useSay } from "../comments/queries";
import { ThreadView } from "../comments/ThreadView";
import { isEmpty, placeOf, type Thread, threadsOf } from "../comments/threads";

const isSettled = ({ first }: Thread) => first.resolved_at != null;

function Threads({ all, project }: { all: Thread[]; project: string }) {
  const [url, setUrl] = useUrlState();
  const [, navigate] = useLocation();
  const which = url.get("show") ?? "open";
  const asked = url.get("thread");
  const shown = all.filter((thread) => thread.first.id === asked || which === "all" || (which === "settled" ? isSettled(thread) : !isSettled(thread) && !isEmpty(thread)));
  const settled = all.filter(isSettled).length;
  const active = useRowKeys(shown.length, { open: (i) => shown[i] && navigate(placeOf(shown[i].first)) });
  return (
    <>
      <div className="toolbar">
        <SegmentedControl size="xs" aria-label="Which threads" value={which} onChange={(value) => setUrl({ show: value === "open" ? null : value, thread: null })}
          data={[{ value: "open", label: `Open ${all.filter((thread) => !isSettled(thread) && !isEmpty(thread)).length}` }, { value: "settled", label: `Settled ${settled}` }, { value: "all", label: `All ${all.length}` }]} />
      </div>
      {shown.length === 0 && <p className="muted">{all.length === 0 ? "Nobody has said anything yet." : "No such thread."}</p>}
      <div className="threads">
        {shown.map((thread, i) => <ThreadView key={thread.first.id} thread={thread} project={project} linked current={thread.first.id === asked || i === active} />)}
      </div>
    </>
  );
}

/** What has been said about a run, its charts and its files, and a place to say more. */
export default function DiscussionTab({ detail: { run } }: { detail: RunDetail }) {
  const query = useComments(run.id);
  const say = useSay(run.id);
  return (
    <Section title="Discussion">
      <div className="reading">
        <Loaded query={query}>{(comments) => <Threads all={threadsOf(comments)} project={run.project} />}</Loaded>
        <Composer project={run.project} label="New thread about the run" action="Comment" busy={say.isPending} error={say.error} onSend={(body, done) => say.mutate({ body }, { onSuccess: done })} />
      </div>
    </Section>
  );
}
