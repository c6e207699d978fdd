import { useState } from "react";
import { useHotkeys } from "./hotkeys";

interface RowActions {
  open: (index: number) => void;
  select?: (index: number) => void;
  review?: (index: number) => void;
  compare?: () => void;
  /** Called with the row that became the active one. */
  moved?: (index: number) => void;
}

/** `j`, `k`, Enter, `x`, `r`, `c` on a list. Returns the active row, -1 before the first key. */
export function useRowKeys(count: number, actions: RowActions): number {
  const [active, setActive] = useState(-1);
  const current = Math.min(active, count - 1);
  const move = (step: number) => {
    const next = Math.max(0, Math.min(count - 1, current + step));
    if (count === 0) return;
    setActive(next);
    actions.moved?.(next);
  };
  const on = (action?: (index: number) => void) => () => {
    if (current >= 0) action?.(current);
  };
  useHotkeys({
    j: () => move(1),
    k: () => move(current < 0 ? 1 : -1),
    x: on(actions.select),
    r: on(actions.review),
    o: on(actions.open),
    c: () => actions.compare?.(),
  });
  return current;
}
