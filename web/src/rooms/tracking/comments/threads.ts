import type { Anchor, Comment } from "@/api/types";

export interface Thread {
  first: Comment;
  answers: Comment[];
}

/** What a conversation beside the page is about: a chart with its points, or a file. */
export interface About {
  kind: "chart" | "artifact";
  key: string;
}

/** Comments as threads, in the order in which they were begun. */
export function threadsOf(comments: Comment[]): Thread[] {
  const threads = new Map<string, Thread>();
  for (const comment of comments) {
    const thread = threads.get(comment.thread_id);
    if (thread) thread.answers.push(comment);
    else threads.set(comment.thread_id, { first: comment, answers: [] });
  }
  return [...threads.values()];
}

/** Whether a thread says nothing any more: everything in it was removed. */
export const isEmpty = ({ first, answers }: Thread): boolean => first.removed && answers.every((answer) => answer.removed);

/** Whether a thread is about a chart (or a point of it) or a file. */
export const isAbout = (anchor: Anchor, { kind, key }: About): boolean =>
  anchor.key === key && (kind === "chart" ? anchor.kind === "chart" || anchor.kind === "metric" : anchor.kind === kind);

/** What the conversation beside the page is about, from the address: `about=chart:loss`. */
export function aboutOf(url: URLSearchParams): About | null {
  const [, kind, key] = /^(chart|artifact):([\s\S]+)$/.exec(url.get("about") ?? "") ?? [];
  return kind && key ? { kind: kind as About["kind"], key } : null;
}

/** The address of what a thread is about, with the thread open beside it. */
export function placeOf({ run_id: run, anchor, thread_id: thread }: Comment): string {
  if (anchor.kind === "run" || !anchor.key) return `/runs/${run}/discussion?thread=${thread}`;
  const about = encodeURIComponent(`${anchor.kind === "artifact" ? "artifact" : "chart"}:${anchor.key}`);
  if (anchor.kind !== "artifact") return `/runs/${run}/metrics?m=${encodeURIComponent(anchor.key)}&about=${about}&thread=${thread}`;
  return `/runs/${run}/artifacts?file=${encodeURIComponent(anchor.key)}&about=${about}&thread=${thread}`;
}

/** What a thread is about, in words. */
export function wordsOf({ kind, key = "", step }: Anchor): string {
  if (kind === "metric") return step == null ? key : `${key} at step ${step}`;
  return kind === "run" ? "the run" : key;
}
