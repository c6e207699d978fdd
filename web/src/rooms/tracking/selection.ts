import { useLocation } from "wouter";
import { useUrlState } from "@/ui/urlState";

/** The selected runs, which live in the address, and what can be done with them. */
export function useSelection() {
  const [url, setUrl] = useUrlState();
  const [, navigate] = useLocation();
  const ids = url.getAll("sel");
  return {
    ids,
    set: new Set(ids),
    /** Selects the runs, or none of them where all are selected already. Keys may come faster than React draws, so the address is read anew. */
    toggle: (some: string[]) => {
      const now = new URLSearchParams(window.location.search).getAll("sel");
      const rest = now.filter((id) => !some.includes(id));
      setUrl({ sel: now.length - rest.length === some.length ? rest : [...rest, ...some] });
    },
    clear: () => setUrl({ sel: null }),
    compare: () => {
      const now = new URLSearchParams(window.location.search).getAll("sel");
      if (now.length > 1) navigate(`/compare?${now.map((id) => `run=${id}`).join("&")}`);
    },
  };
}

export type Selection = ReturnType<typeof useSelection>;
