import { TextInput } from "@mantine/core";
import { useState } from "react";
import type { VersionLine } from "@/api/types";
import { formatUtc } from "@/ui/format";
import { useHistory } from "./queries";

const lineOf = (line: VersionLine) => [line.names.join(", "), line.note, formatUtc(line.created_at)].filter(Boolean).join(" · ");

/** A version by any name that the command line takes: the known ones are offered. */
export function VersionPicker({ dataset, label, value, empty, onChange }: {
  dataset: string;
  label: string;
  value: string;
  empty: string;
  onChange: (version: string | null) => void;
}) {
  const history = useHistory(dataset);
  const [typed, setTyped] = useState<string | null>(null);
  const id = `versions-${label.replaceAll(" ", "-")}`;
  const known = history.data?.pages.flat() ?? [];
  const commit = (text: string) => {
    setTyped(null);
    onChange(text.trim() || null);
  };
  return (
    <label className="inline-field">
      <span>{label}</span>
      <TextInput size="xs" className="mono-input" list={id} placeholder={empty} value={typed ?? value} spellCheck={false} autoComplete="off"
        onChange={(event) => {
          const text = event.currentTarget.value;
          // What was picked from the list counts at once, what is typed when it is done.
          if (known.some((line) => line.digest.slice(0, 12) === text || line.names.includes(text))) commit(text);
          else setTyped(text);
        }}
        onBlur={() => typed !== null && commit(typed)}
        onKeyDown={(event) => event.key === "Enter" && typed !== null && commit(typed)} />
      <datalist id={id}>
        {known.map((line) => <option key={line.digest} value={line.names[line.names.length - 1] ?? line.digest.slice(0, 12)}>{lineOf(line)}</option>)}
      </datalist>
    </label>
  );
}
