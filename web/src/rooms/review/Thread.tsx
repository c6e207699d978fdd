import { Button } from "@mantine/core";
import { createContext, type ReactNode, useContext, useState } from "react";
import type { ReviewDetail } from "@/api/types";
import { Name, Time } from "@/ui/bits";
import { Composer } from "@/ui/Composer";
import { CodeBlock } from "@/ui/CodeBlock";
import { Markdown } from "@/ui/Markdown";
import { ErrorNote } from "@/ui/states";
import { type Remark, useAct } from "./queries";
import { suggestionFor, type Thread } from "./talk";

interface Talk {
  detail: ReviewDetail;
  /** The newest remark that the reader saw before. */
  seen: number;
  asking: { anchor: string; text: string } | null;
  ask: (asking: Talk["asking"]) => void;
}

const Talking = createContext<Talk | null>(null);

/** Lets all parts of the page talk about the same review. */
export function TalkProvider({ detail, seen, children }: { detail: ReviewDetail; seen: number; children: ReactNode }) {
  const [asking, ask] = useState<Talk["asking"]>(null);
  return <Talking.Provider value={{ detail, seen, asking, ask }}>{children}</Talking.Provider>;
}

export function useTalk(): Talk {
  const found = useContext(Talking);
  if (!found) throw new Error("outside of a review");
  return found;
}

function Said({ remark }: { remark: Remark }) {
  const { seen, detail } = useTalk();
  return (
    <div className={seen && remark.id > seen ? "said-block said-new" : "said-block"}>
      <p className="said"><strong><Name>{remark.author}</Name></strong> <span className="muted small"><Time at={remark.at} /></span>{seen > 0 && remark.id > seen && <span className="small tone-accent">new</span>}</p>
      <Markdown text={remark.body} />
      {remark.suggestion != null && <p className="muted small">Take it: <code>runward review take {detail.review.number} {remark.id}</code></p>}
    </div>
  );
}

const PLACES: Record<string, string> = { outdated: "no longer there", moved: "moved" };

function Head({ thread: { first }, placed }: { thread: Thread; placed: boolean }) {
  const { detail } = useTalk();
  const act = useAct(detail);
  const resolved = first.resolved_at != null;
  const may = detail.may.includes("resolve") || detail.review.state === "draft";
  return (
    <header className="thread-head">
      {!placed && <code className="small"><bdi>{first.anchor}</bdi></code>}
      {first.place && PLACES[first.place] && <span className="small tone-amber">⟳ {PLACES[first.place]}{first.place === "moved" && !placed ? ` to ${first.line}` : ""}</span>}
      {resolved && <span className="small tone-green">✓ resolved by <Name>{first.resolved_by ?? ""}</Name></span>}
      {may && <Button size="compact-xs" variant="subtle" loading={act.isPending} onClick={() => act.mutate({ kind: "resolve", thread: first.id, resolved: !resolved })}>{resolved ? "Open again" : "Resolve"}</Button>}
      {act.isError && <ErrorNote error={act.error} />}
    </header>
  );
}

/** A thread; a resolved one is folded. `placed`: it stands at what it is about. */
export function ThreadBox({ thread, placed = false }: { thread: Thread; placed?: boolean }) {
  const { detail } = useTalk();
  const { first, answers } = thread;
  const act = useAct(detail);
  const [answering, setAnswering] = useState(false);
  const [unfolded, setUnfolded] = useState(false);
  const folded = first.resolved_at != null && !unfolded;
  return (
    <section id={`thread-${first.id}`} className="thread" aria-label={`Thread about ${first.anchor}`} tabIndex={-1}>
      <Head thread={thread} placed={placed} />
      {folded ? <button type="button" className="link small" onClick={() => setUnfolded(true)}>Show what was said</button> : (
        <>
          {!placed && first.excerpt && first.excerpt.length > 0 && <CodeBlock code={first.excerpt.slice(0, 8).join("\n")} label={`the lines that ${first.anchor} is about`} />}
          {[first, ...answers].map((remark) => <Said key={remark.id} remark={remark} />)}
          {answering ? (
            <Composer project={detail.review.project} label="Answer" action="Answer" busy={act.isPending} error={act.error} onCancel={() => setAnswering(false)}
              onSend={(body) => act.mutate({ kind: "comment", body, thread: first.id }, { onSuccess: () => setAnswering(false) })} />
          ) : <button type="button" className="link small" onClick={() => setAnswering(true)}>Answer</button>}
        </>
      )}
    </section>
  );
}

/** What is said at a place: its threads, and the field where one begins. */
export function SaidAt({ threads, anchor }: { threads: Thread[]; anchor: string }) {
  const { detail, asking, ask } = useTalk();
  const act = useAct(detail);
  const here = asking?.anchor === anchor ? asking : null;
  if (threads.length === 0 && !here) return null;
  return (
    <div className="said-at">
      {threads.map((thread) => <ThreadBox key={thread.first.id} thread={thread} placed />)}
      {here && (
        <section className="thread" aria-label={`New thread about ${anchor}`}>
          <Composer key={anchor} project={detail.review.project} label={`About ${anchor}`} action="Begin a thread" template={here.text ? { label: "Suggest a change", text: suggestionFor(here.text) } : undefined}
            busy={act.isPending} error={act.error} onCancel={() => ask(null)}
            onSend={(body) => act.mutate({ kind: "comment", body, anchor }, { onSuccess: () => ask(null) })} />
        </section>
      )}
    </div>
  );
}

/** A small button that begins a thread at a row. */
export function AskButton({ anchor, text = "" }: { anchor: string; text?: string }) {
  const { ask } = useTalk();
  return <button type="button" className="row-ask" aria-label={`Say something about ${anchor}`} title="Say something here" onClick={() => ask({ anchor, text })}>+</button>;
}
