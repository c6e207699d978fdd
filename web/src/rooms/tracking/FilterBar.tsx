import { TextInput } from "@mantine/core";
import { type KeyboardEvent, useId, useRef, useState } from "react";
import { flushSync } from "react-dom";
import { ApiError } from "@/api/client";
import type { KnownKeys } from "@/api/types";
import { completionOf } from "./completion";
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

/** The condition in the search language, with the existing keys offered. It is applied on Enter, so nothing flickers while somebody types. */
export function FilterBar({ where, error, keys, onApply }: { where: string; error: unknown; keys: KnownKeys; onApply: (where: string) => void }) {
  const [text, setText] = useState(where);
  const [caret, setCaret] = useState<number | null>(null);
  const [chosen, setChosen] = useState(-1);
  const input = useRef<HTMLInputElement>(null);
  const list = useId();
  const completion = caret === null ? null : completionOf(text, caret, keys);
  const options = completion?.options ?? [];
  const close = () => {
    setCaret(null);
    setChosen(-1);
  };
  const apply = (next: string) => {
    setText(next);
    close();
    onApply(next.trim());
  };
  const take = (option: string) => {
    if (!completion) return;
    const spaced = option.endsWith("(") ? option : `${option} `;
    const [head, tail] = [text.slice(0, completion.start) + spaced, text.slice(completion.end).trimStart()];
    // At once, not with the next frame: a key that is pressed before it would be written in the wrong place.
    flushSync(() => {
      setText(head + tail);
      setCaret(head.length);
      setChosen(-1);
    });
    input.current?.focus();
    input.current?.setSelectionRange(head.length, head.length);
  };
  const onKey = (event: KeyboardEvent) => {
    const turn = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (event.key === "Escape") return close();
    if (turn !== 0 && options.length > 0) {
      event.preventDefault();
      setChosen((chosen + turn + options.length + (chosen < 0 && turn < 0 ? 1 : 0)) % options.length);
    }
    const option = options[chosen];
    if ((event.key === "Enter" || event.key === "Tab") && option !== undefined) {
      event.preventDefault();
      take(option);
    }
  };
  const refused = error instanceof ApiError && error.status === 422 ? error : null;
  return (
    <form className="grow" role="search" onSubmit={(event) => { event.preventDefault(); apply(text); }}>
      <div className="completed">
        <TextInput ref={input} data-filter value={text} className="mono-input" spellCheck={false} autoComplete="off"
          onChange={(event) => { setText(event.currentTarget.value); setCaret(event.currentTarget.selectionStart); setChosen(-1); }}
          onClick={(event) => setCaret(event.currentTarget.selectionStart)} onKeyDown={onKey} onBlur={close}
          role="combobox" aria-expanded={options.length > 0} aria-controls={list} aria-autocomplete="list" aria-activedescendant={chosen < 0 ? undefined : `${list}-${chosen}`}
          aria-label="Filter runs" placeholder="metrics.loss < 0.3 and params.lr = 0.1   ( / )" error={Boolean(refused)}
          rightSection={text ? <button type="button" className="clear" aria-label="Clear the filter" onClick={() => apply("")}>×</button> : undefined} />
        <div id={list} role="listbox" aria-label="What can stand here" className="completions" hidden={options.length === 0}>
          {options.map((option, i) => (
            // The pointer must not take the focus away, or the list would be gone before the click.
            <div key={option} id={`${list}-${i}`} role="option" tabIndex={-1} aria-selected={i === chosen} onMouseDown={(event) => { event.preventDefault(); take(option); }}>{option}</div>
          ))}
        </div>
      </div>
      {refused && where && <FilterError text={where} error={refused} onFix={apply} />}
    </form>
  );
}
