import { useCallback, useMemo } from "react";
import { useLocation } from "wouter";
import { useUrlState } from "@/ui/urlState";

/** The selected runs, which live in the address, and what can be done with them. */
export function useSelection() {
  const [url, setUrl] = useUrlState();
  const [, navigate] = useLocation();
  const joined = url.getAll("sel").join(" ");
  /** Selects the runs, or none of them where all are selected already. Keys may come faster than React draws, so the address is read anew. */
  const toggle = useCallback((some: string[]) => {
    const now = new URLSearchParams(window.location.search).getAll("sel");
    const rest = now.filter((id) => !some.includes(id));
    setUrl({ sel: now.length - rest.length === some.length ? rest : [...rest, ...some] });
  }, [setUrl]);
  return useMemo(() => {
    const ids = joined.split(" ").filter(Boolean);
    return {
      ids,
      set: new Set(ids),
      toggle,
      clear: () => setUrl({ sel: null }),
      compare: () => {
        const now = new URLSearchParams(window.location.search).getAll("sel");
        if (now.length > 1) navigate(`/compare?${now.map((id) => `run=${id}`).join("&")}`);
      },
    };
  }, [joined, toggle, setUrl, navigate]);
}

export type Selection = ReturnType<typeof useSelection>;
