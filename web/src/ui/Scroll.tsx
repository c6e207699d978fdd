import { type ReactNode, useEffect, useRef, useState } from "react";

/** Scrolls sideways what is too wide, and can be reached by keyboard only then. */
export function Scroll({ label, children }: { label: string; children: ReactNode }) {
  const box = useRef<HTMLDivElement>(null);
  const [wide, setWide] = useState(false);
  useEffect(() => {
    const node = box.current;
    if (!node) return;
    const observer = new ResizeObserver(() => setWide(node.scrollWidth > node.clientWidth));
    observer.observe(node);
    if (node.firstElementChild) observer.observe(node.firstElementChild);
    return () => observer.disconnect();
  }, []);
  return (
    <div ref={box} className="table-scroll" {...(wide ? { tabIndex: 0, role: "region", "aria-label": `${label}, scrollable` } : {})}>
      {children}
    </div>
  );
}
