import { TextInput } from "@mantine/core";
import { useState } from "react";
import { ApiError } from "@/api/client";
import { pointerOf } from "./filterError";

/** What is wrong with a condition, under the box: the word marked, and the keys that exist to put in its place. */
function FilterError({ text, error, onFix }: { text: string; error: ApiError; onFix: (text: string) => void }) {
  const { problem, start, end, offers } = pointerOf(text, error);
  return (
    <div className="filter-error tone-red" role="alert">
      <pre><code>{text.slice(0, start)}<mark>{text.slice(start, end) || " "}</mark>{text.slice(end)}</code></pre>
      <span>{problem}. {offers.length === 0 && <span className="muted">{error.hint}</span>} </span>
      <span className="chips">
        {offers.map((offer) => (
          <button key={offer} type="button" className="chip" onClick={() => onFix(text.slice(0, start) + offer + text.slice(end))}>{offer}</button>
        ))}
      </span>
    </div>
  );
}

/** The condition in the search language. It is applied on Enter, so nothing flickers while somebody types. */
export function FilterBar({ where, error, onApply }: { where: string; error: unknown; onApply: (where: string) => void }) {
  const [text, setText] = useState(where);
  const apply = (next: string) => {
    setText(next);
    onApply(next.trim());
  };
  const refused = error instanceof ApiError && error.status === 422 ? error : null;
  return (
    <form className="grow" role="search" onSubmit={(event) => { event.preventDefault(); apply(text); }}>
      <TextInput data-filter value={text} onChange={(event) => setText(event.currentTarget.value)} className="mono-input" spellCheck={false} autoComplete="off"
        aria-label="Filter runs" placeholder="metrics.loss < 0.3 and params.lr = 0.1   ( / )" error={Boolean(refused)}
        rightSection={text ? <button type="button" className="clear" aria-label="Clear the filter" onClick={() => apply("")}>×</button> : undefined} />
      {refused && where && <FilterError text={where} error={refused} onFix={apply} />}
    </form>
  );
}
