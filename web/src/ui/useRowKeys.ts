import { useRef, useState } from "react";
import { useHotkeys } from "./hotkeys";

interface RowActions {
  open: (index: number) => void;
  select?: (index: number) => void;
  review?: (index: number) => void;
  compare?: () => void;
}

/** `j`, `k`, Enter, `x`, `r`, `c` on a list. Returns the active row, -1 before the first key. */
export function useRowKeys(count: number, actions: RowActions): number {
  const [active, setActive] = useState(-1);
  // Keys may come faster than React draws, so the row that they count from is kept beside the state.
  const latest = useRef(-1);
  const move = (step: number) => {
    if (count === 0) return;
    latest.current = Math.max(0, Math.min(count - 1, latest.current + step));
    setActive(latest.current);
  };
  const on = (action?: (index: number) => void) => () => {
    const at = Math.min(latest.current, count - 1);
    if (at >= 0) action?.(at);
  };
  useHotkeys({
    j: () => move(1),
    k: () => move(-1),
    x: on(actions.select),
    r: on(actions.review),
    o: on(actions.open),
    c: () => actions.compare?.(),
  });
  return Math.min(active, count - 1);
}
