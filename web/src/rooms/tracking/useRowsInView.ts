import { type RefObject, useEffect, useState } from "react";
import { flushSync } from "react-dom";

const BESIDE = 8;

interface InView {
  /** The first row that is to be in the page. */
  from: number;
  /** The row after the last one. */
  to: number;
  /** Scrolls as far as it takes to show a row. */
  show: (index: number) => void;
}

/**
 * Which of many rows of one height are in view, and a few beside them.
 *
 * It never measures what is being drawn, which would lay the page out twice: until the box was seen, half of the window's height stands for its own.
 */
export function useRowsInView(box: RefObject<HTMLElement | null>, count: number, height: number, head: number): InView {
  const [first, setFirst] = useState(0);
  const [fit, setFit] = useState(() => Math.ceil(window.innerHeight / 2 / height));
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const follow = () => setFirst(Math.floor(element.scrollTop / height));
    // At once, so that the rows are there in the picture that shows them.
    const onScroll = () => {
      element.toggleAttribute("data-shifted", element.scrollLeft > 0);
      flushSync(follow);
    };
    const observer = new ResizeObserver(() => {
      setFit(Math.ceil(element.clientHeight / height));
      follow();
    });
    observer.observe(element);
    element.addEventListener("scroll", onScroll, { passive: true });
    return () => {
      observer.disconnect();
      element.removeEventListener("scroll", onScroll);
    };
  }, [box, height]);
  const show = (index: number) => {
    const element = box.current;
    if (!element) return;
    const [above, below] = [index * height, (index + 1) * height + head - element.clientHeight];
    element.scrollTo({ top: Math.max(below, Math.min(above, element.scrollTop)) });
  };
  const last = Math.min(count, first + fit + BESIDE);
  return { from: Math.max(0, Math.min(first, count - fit) - BESIDE), to: last, show };
}
