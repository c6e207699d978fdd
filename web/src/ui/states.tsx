import { Button } from "@mantine/core";
import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { ApiError } from "@/api/client";
import { CodeBlock } from "./CodeBlock";

/** The shape of what is on its way. */
export function Loading({ rows = 6, label = "Loading" }: { rows?: number; label?: string }) {
  return (
    <div className="loading" role="status" aria-label={label}>
      {Array.from({ length: rows }, (_, i) => (
        <span key={i} className="bone" style={{ width: `${92 - ((i * 37) % 45)}%` }} />
      ))}
    </div>
  );
}

/** What happened, and what can be done about it. */
export function ErrorNote({ error, retry }: { error: unknown; retry?: () => void }) {
  const known = error instanceof ApiError ? error : null;
  const title =
    known?.status === 404 ? "Not here" : known?.status === 403 ? "Not allowed" : known?.unreachable ? "No answer" : "That did not work";
  return (
    <div className="note tone-red" role="alert">
      <strong>{title}</strong>
      <p>{known ? known.message : String(error)}</p>
      {known?.hint && <p className="muted">{known.hint}</p>}
      {known?.status === 404 && <p className="muted">It may have been deleted, or it belongs to a team you are not in.</p>}
      {known && known.status >= 500 && known.requestId && <p className="muted small">The server&rsquo;s log has it as request <code>{known.requestId}</code>.</p>}
      {retry && <Button variant="default" onClick={retry}>Try again</Button>}
    </div>
  );
}

/** What will be here, and the lines of code that fill it. */
export function Empty({ title, children, code, language = "python" }: {
  title: string;
  children?: ReactNode;
  code?: string;
  language?: string;
}) {
  return (
    <div className="empty">
      <h2>{title}</h2>
      {children && <div className="muted">{children}</div>}
      {code && <CodeBlock code={code} label={language} />}
    </div>
  );
}

/** Loading, error or the data: what every page does with a query. */
export function Loaded<T>({ query, rows, children }: {
  query: UseQueryResult<T>;
  rows?: number;
  children: (data: T) => ReactNode;
}) {
  if (query.data !== undefined) return <>{children(query.data)}</>;
  if (query.isError) return <ErrorNote error={query.error} retry={() => void query.refetch()} />;
  return <Loading rows={rows} />;
}
