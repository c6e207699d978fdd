import { useSyncExternalStore } from "react";

interface Connection {
  reachable: boolean;
  since: number;
}

let state: Connection = { reachable: true, since: Date.now() };
const listeners = new Set<() => void>();

/** Notes whether the server answered last time. */
export function setReachable(reachable: boolean): void {
  if (reachable === state.reachable) return;
  state = { reachable, since: Date.now() };
  listeners.forEach((listener) => listener());
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Whether the server answers, and since when it does or does not. */
export const useConnection = (): Connection => useSyncExternalStore(subscribe, () => state);
