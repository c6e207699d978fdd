import { Button } from "@mantine/core";
import { useEffect, useRef, useState } from "react";
import { Link } from "wouter";
import { Name, Time } from "@/ui/bits";
import { plural } from "@/ui/format";
import { ErrorNote } from "@/ui/states";
import { Composer } from "@/ui/Composer";
import { useSay, useSettle } from "./queries";
import { Said } from "./Said";
import { placeOf, type Thread, wordsOf } from "./threads";

function Head({ thread: { first }, linked }: { thread: Thread; linked: boolean }) {
  const settle = useSettle(first.run_id);
  const settled = first.resolved_at != null;
  const words = wordsOf(first.anchor);
  return (
    <header className="thread-head">
      {first.anchor.kind === "run" ? <span className="muted small">about the run</span> : linked ? <Link href={placeOf(first)} className="mono small"><bdi>{words}</bdi></Link> : <span className="mono small"><bdi>{words}</bdi></span>}
      {settled && <span className="small tone-green">✓ settled by <Name>{first.resolved_by ?? ""}</Name> <Time at={first.resolved_at} /></span>}
      <Button size="compact-xs" variant="subtle" disabled={settle.isPending} onClick={() => settle.mutate({ id: first.id, resolved: !settled })}>{settled ? "Open again" : "Settle"}</Button>
      {settle.isError && <ErrorNote error={settle.error} />}
    </header>
  );
}

/** A thread with its answers. A settled one is folded until it is asked for. */
export function ThreadView({ thread, project, current, linked = false }: { thread: Thread; project: string; current: boolean; linked?: boolean }) {
  const { first, answers } = thread;
  const [answering, setAnswering] = useState(false);
  const [unfolded, setUnfolded] = useState(false);
  const box = useRef<HTMLElement>(null);
  const say = useSay(first.run_id);
  useEffect(() => {
    if (current) box.current?.scrollIntoView({ block: "nearest" });
  }, [current]);
  const folded = first.resolved_at != null && !current && !unfolded;
  return (
    <section ref={box} className="thread" aria-label={`Thread about ${wordsOf(first.anchor)}`} aria-current={current ? "true" : undefined}>
      <Head thread={thread} linked={linked} />
      {folded ? <button type="button" className="link small" onClick={() => setUnfolded(true)}>Show {plural(1 + answers.length, "comment")}</button> : (
        <>
          <Said comment={first} project={project} />
          {answers.length > 0 && <div className="answers">{answers.map((answer) => <Said key={answer.id} comment={answer} project={project} />)}</div>}
          {answering ? (
            <Composer project={project} label="Answer" action="Answer" busy={say.isPending} error={say.error} onCancel={() => setAnswering(false)}
              onSend={(body) => say.mutate({ body, thread_id: first.id }, { onSuccess: () => setAnswering(false) })} />
          ) : <button type="button" className="link small" onClick={() => setAnswering(true)}>Answer</button>}
        </>
      )}
    </section>
  );
}
