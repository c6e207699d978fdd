import { useState } from "react";
import { copyText } from "./bits";

/** Code or output in monospace with a button that copies it. */
export function CodeBlock({ code, label = "code" }: { code: string; label?: string }) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    setCopied(await copyText(code));
    window.setTimeout(() => setCopied(false), 1500);
  };
  return (
    <div className="code-block">
      <button type="button" className="copy" onClick={copy} aria-label={`Copy the ${label}`}>
        {copied ? "Copied" : "Copy"}
      </button>
      <pre tabIndex={0} role="region" aria-label={label}><code>{code}</code></pre>
    </div>
  );
}
