import { useUrlState } from "@/ui/urlState";
import { useComments } from "./queries";
import { type About, aboutOf, isAbout, isEmpty, type Thread, threadsOf } from "./threads";

/** The threads about a chart or file that are still open, and how to open the conversation. */
export function useTalk(run: string, about: About): { threads: Thread[]; isOpen: boolean; toggle: () => void; show: (thread: string) => void; pick: (step: number) => void } {
  const [url, setUrl] = useUrlState();
  const { data = [] } = useComments(run);
  const now = aboutOf(url);
  const isOpen = now?.kind === about.kind && now.key === about.key;
  const name = `${about.kind}:${about.key}`;
  return {
    threads: threadsOf(data).filter((thread) => isAbout(thread.first.anchor, about) && !isEmpty(thread) && thread.first.resolved_at == null),
    isOpen,
    toggle: () => setUrl({ about: isOpen ? null : name, at: null, thread: null }),
    show: (thread) => setUrl({ about: name, thread, at: null }),
    pick: (step) => setUrl({ about: name, at: String(step), thread: null }),
  };
}

/** Opens the conversation about a chart or file; says how many threads are open. */
export function TalkButton({ run, about }: { run: string; about: About }) {
  const { threads, isOpen, toggle } = useTalk(run, about);
  return (
    <button type="button" className="talk small" aria-pressed={isOpen} aria-label={`Discuss ${about.key}, ${threads.length} open`} onClick={toggle}>
      <svg width="13" height="13" viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="2" strokeLinejoin="round" aria-hidden="true"><path d="M4 5h16v11H11l-5 4v-4H4z" /></svg>
      {threads.length > 0 ? threads.length : "Discuss"}
    </button>
  );
}
