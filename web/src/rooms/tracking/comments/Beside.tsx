import { CloseButton, NumberInput } from "@mantine/core";
import { type ReactNode, useEffect, useRef } from "react";
import type { Anchor, RunDetail } from "@/api/types";
import { Loaded } from "@/ui/states";
import { useUrlState } from "@/ui/urlState";
import { Composer } from "@/ui/Composer";
import { useComments, useSay } from "./queries";
import { ThreadView } from "./ThreadView";
import { type About, aboutOf, isAbout, isEmpty, threadsOf } from "./threads";

function anchorOf({ kind, key }: About, step: number | null): Anchor {
  return kind === "chart" && step !== null ? { kind: "metric", key, step } : { kind, key, step: null };
}

function Talk({ run, about }: { run: RunDetail["run"]; about: About }) {
  const [url, setUrl] = useUrlState();
  const query = useComments(run.id);
  const say = useSay(run.id);
  const box = useRef<HTMLElement>(null);
  const asked = url.get("at");
  const step = asked === null || asked === "" ? null : Number(asked);
  const close = () => setUrl({ about: null, at: null, thread: null });
  useEffect(() => {
    box.current?.focus();
  }, [about.key, about.kind]);
  return (
    // eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions -- Escape closes it from wherever the focus is in it
    <aside ref={box} className="beside-panel" aria-label={`Conversation about ${about.key}`} tabIndex={-1} onKeyDown={(event) => event.key === "Escape" && !event.defaultPrevented && close()}>
      <header className="section-head">
        <h2 className="mono"><bdi>{about.key}</bdi></h2>
        <CloseButton aria-label="Close the conversation" onClick={close} />
      </header>
      <Loaded query={query} rows={3}>
        {(comments) => {
          const threads = threadsOf(comments).filter((thread) => isAbout(thread.first.anchor, about) && !isEmpty(thread));
          return threads.length === 0 ? <p className="muted">Nobody has said anything about this yet.</p> : threads.map((thread) => (
            <ThreadView key={thread.first.id} thread={thread} project={run.project} current={thread.first.id === url.get("thread")} />
          ));
        }}
      </Loaded>
      <div className="new-thread">
        {about.kind === "chart" && (
          <NumberInput size="xs" label="At step" description="Click the chart to choose a point; empty means the whole chart." allowDecimal={false} value={step ?? ""}
            onChange={(value) => setUrl({ at: value === "" ? null : String(value) })} />
        )}
        <Composer project={run.project} label="New thread" action="Comment" busy={say.isPending} error={say.error}
          onSend={(body, done) => say.mutate({ body, anchor: anchorOf(about, step) }, { onSuccess: () => { done(); setUrl({ at: null }); } })} />
      </div>
    </aside>
  );
}

/** A tab of a run with, where the address asks for it, the conversation about one of its charts or files beside it. */
export function Beside({ detail, children }: { detail: RunDetail; children: ReactNode }) {
  const [url] = useUrlState();
  const about = aboutOf(url);
  if (!about) return <>{children}</>;
  return (
    <div className="beside">
      <div className="beside-main">{children}</div>
      <Talk run={detail.run} about={about} />
    </div>
  );
}
