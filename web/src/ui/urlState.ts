import { useCallback } from "react";
import { useLocation, useSearch } from "wouter";

type Change = Record<string, string | string[] | null>;

/** The search string after a change: null, empty and empty lists take a key away. */
export function changed(search: string, change: Change): string {
  const params = new URLSearchParams(search);
  for (const [key, value] of Object.entries(change)) {
    params.delete(key);
    for (const item of Array.isArray(value) ? value : [value]) if (item) params.append(key, item);
  }
  return params.toString();
}

/** The view's state, which lives in the URL and nowhere else. */
export function useUrlState(): [URLSearchParams, (change: Change) => void] {
  const search = useSearch();
  const [location, navigate] = useLocation();
  const set = useCallback(
    (change: Change) => {
      const next = changed(window.location.search, change);
      navigate(next ? `${location}?${next}` : location, { replace: true });
    },
    [location, navigate],
  );
  return [new URLSearchParams(search), set];
}
