import { type ReactNode, useEffect } from "react";

/** A page outside of the frame: sign in, enter, welcome. */
export function Alone({ title, children }: { title: string; children: ReactNode }) {
  useEffect(() => {
    document.title = `${title} · Runward`;
  }, [title]);
  return (
    <main className="alone stack">
      <p className="brand"><img src="/icon.svg" alt="" width={22} height={22} /> Runward</p>
      <h1>{title}</h1>
      {children}
    </main>
  );
}
