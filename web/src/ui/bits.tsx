import { type ReactNode, useState } from "react";
import { formatAgo, formatLocal, formatNumber, formatUtc, shortId } from "./format";

/** Puts text on the clipboard; false where the browser does not allow it. */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

/** A short id in monospace that copies the whole id when clicked. */
export function IdChip({ id, label = "id" }: { id: string; label?: string }) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    setCopied(await copyText(id));
    window.setTimeout(() => setCopied(false), 1500);
  };
  return (
    <button type="button" className="id-chip mono" onClick={copy} title={`${id}: click to copy`}>
      <span className="sr-only">Copy {label} </span>
      {copied ? "copied" : shortId(id)}
    </button>
  );
}

/** A moment: how long ago, with local time and UTC on hover. */
export function Time({ at }: { at: string | null | undefined }) {
  if (!at) return <span className="muted">–</span>;
  return <time dateTime={at} title={`${formatLocal(at)} local · ${formatUtc(at)}`}>{formatAgo(at)}</time>;
}

const FITS = 9;

/** How a figure is written: what fits into any column of a table need not be cut there, which each picture would pay for. */
export const figureClass = (text: string): string => (text.length > FITS ? "figure long" : "figure");

/** A figure with its exact value on hover. NaN and infinities stand out. */
export function Figure({ value, special = "" }: { value: number | null | undefined; special?: string }) {
  const text = formatNumber(value, special);
  return (
    <span className={`${figureClass(text)}${special ? " tone-amber" : ""}`} title={special || String(value ?? "no value")}>
      {text}
    </span>
  );
}

/** Text somebody else wrote, shown in its own direction. */
export function Name({ children, title }: { children: string; title?: string }) {
  return <bdi className="name" title={title ?? children}>{children}</bdi>;
}

/** Label and value pairs. */
export function Facts({ rows }: { rows: [string, ReactNode][] }) {
  return (
    <dl className="facts">
      {rows.map(([label, value]) => (
        <div key={label}>
          <dt>{label}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** A section with a heading and, on the right, what can be done with it. */
export function Section({ title, aside, children }: { title: ReactNode; aside?: ReactNode; children: ReactNode }) {
  return (
    <section className="section">
      <header className="section-head">
        <h2>{title}</h2>
        {aside}
      </header>
      {children}
    </section>
  );
}
