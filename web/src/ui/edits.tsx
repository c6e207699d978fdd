import { useMutation } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { ApiError } from "@/api/client";
import type { Merged } from "./merge";

/** What somebody else did before, and what both changed differently. */
export interface Meanwhile {
  message: string;
  conflicts: string[];
}

interface Ways<S, D, R> {
  /** Sends a draft that was made from what was seen. */
  save: (draft: D, seen: S) => Promise<R>;
  /** Reads what is there now. */
  read: () => Promise<S>;
  /** Brings a draft and what somebody else made meanwhile together. */
  merge: (seen: S, draft: D, newest: S) => Merged<D>;
  /** Shows a draft. */
  put: (draft: D) => void;
  /** After it was saved; it is busy until what is shown is what was saved: the next change is made from that. */
  done: (result: R) => void | Promise<void>;
}

/**
 * Saves what was made from something that was read, as it was when the writing began: whatever is read again meanwhile changes nothing.
 * Where somebody else was first nothing is stored; both changes are put together, to be looked at and saved again.
 */
export function useEdit<S, D, R>(start: S, { save, read, merge, put, done }: Ways<S, D, R>) {
  const [seen, setSeen] = useState(start);
  const [meanwhile, setMeanwhile] = useState<Meanwhile | null>(null);
  const mutation = useMutation({
    mutationFn: async (draft: D): Promise<{ result: R } | null> => {
      try {
        return { result: await save(draft, seen) };
      } catch (error) {
        if (!(error instanceof ApiError && error.edited)) throw error;
        const newest = await read();
        const merged = merge(seen, draft, newest);
        setSeen(newest);
        put(merged.draft);
        setMeanwhile({ message: error.message, conflicts: merged.conflicts });
        return null;
      }
    },
    onSuccess: (saved) => (saved ? done(saved.result) : undefined),
  });
  return { seen, meanwhile, save: mutation.mutate, busy: mutation.isPending, error: mutation.error };
}

/** That somebody was first, and what became of both changes. */
export function MeanwhileNote({ meanwhile }: { meanwhile: Meanwhile | null }) {
  const note = useRef<HTMLDivElement>(null);
  // In a long form it stands where nobody looks who has just saved.
  useEffect(() => void note.current?.scrollIntoView({ block: "center" }), [meanwhile]);
  if (!meanwhile) return null;
  return (
    <div ref={note} className="note tone-amber" role="alert">
      <strong>Somebody was first</strong>
      <p className="break"><bdi>{meanwhile.message}</bdi>.</p>
      {meanwhile.conflicts.length === 0
        ? <p>Nothing was overwritten. Both changes are in it now: look at it, and save again.</p>
        : <p>Nothing was overwritten. Both changed {meanwhile.conflicts.join(", ")}: choose what is to stay, and save again.</p>}
    </div>
  );
}
