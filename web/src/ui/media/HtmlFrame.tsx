import { useState } from "react";

/** HTML that a run made, locked up: no origin, no network, and scripts only when the reader asks for them. */
export function HtmlFrame({ src, title }: { src: string; title: string }) {
  const [scripts, setScripts] = useState(false);
  return (
    <div className="html-frame">
      <iframe key={String(scripts)} title={title} src={src} sandbox={scripts ? "allow-scripts" : ""} loading="lazy" referrerPolicy="no-referrer" />
      <button type="button" className="chip" onClick={() => setScripts(!scripts)}>{scripts ? "Stop its scripts" : "Run its scripts"}</button>
    </div>
  );
}
