import { useEffect, useRef } from "react";

export type Bindings = Record<string, (event: KeyboardEvent) => void>;

const typing = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement &&
  (target.isContentEditable || target.tagName === "TEXTAREA" || target.tagName === "SELECT" ||
    (target instanceof HTMLInputElement && !["checkbox", "radio", "range"].includes(target.type)));

/** The name of a pressed key, `mod+` before it for Ctrl or Command. */
export function keyName(event: KeyboardEvent): string {
  const mod = event.ctrlKey || event.metaKey ? "mod+" : "";
  return mod + (event.key.length === 1 ? event.key.toLowerCase() : event.key);
}

/** Binds keys while the component is shown. Single letters are left alone while somebody types or a dialog is open. */
export function useHotkeys(bindings: Bindings): void {
  const current = useRef(bindings);
  useEffect(() => {
    current.current = bindings;
  });
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const name = keyName(event);
      const action = current.current[name];
      if (!action || event.defaultPrevented || event.altKey) return;
      const plain = !name.startsWith("mod+");
      if (plain && (typing(event.target) || document.querySelector('[role="dialog"]'))) return;
      event.preventDefault();
      action(event);
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, []);
}

/** The keys, as the help overlay lists them. */
export const KEYS: [string, string][] = [
  ["Ctrl K", "Go to, do, search"],
  ["/", "Focus the filter or search field"],
  ["j  k", "Next and previous row"],
  ["Enter", "Open the row"],
  ["x", "Select the row"],
  ["c", "Compare the selected runs"],
  ["t", "Discuss the chart in focus"],
  ["r", "Request a review of the row or run"],
  ["a  e", "In a review: approve, ask for changes"],
  ["?", "This list"],
];
