import { Button, Checkbox, Popover, TextInput } from "@mantine/core";
import { useState } from "react";
import type { KnownKeys } from "@/api/types";
import { fieldOf } from "./fields";

const FIELDS: [string, string][] = [
  ["params", "All parameters but the seed"], ["experiment", "Experiment"], ["status", "Status"],
  ["created_by", "By"], ["branch", "Branch"], ["commit", "Commit"], ["project", "Project"],
];
const OFFERED = 100;

/** Chooses what runs are grouped by, and what each group is tested against. */
export function GroupChooser({ keys, by, against, onChange }: {
  keys: KnownKeys;
  by: string[];
  against: string;
  onChange: (by: string[], against: string) => void;
}) {
  const [wanted, setWanted] = useState("");
  const all: [string, string][] = [...FIELDS, ...keys.params.map((key): [string, string] => [fieldOf(`params.${key}`), `params.${key}`]), ...keys.tags.map((key): [string, string] => [fieldOf(`tags.${key}`), `tags.${key}`])];
  const shown = all.filter(([, label]) => label.toLowerCase().includes(wanted.toLowerCase()));
  const toggle = (id: string) => onChange(by.includes(id) ? by.filter((other) => other !== id) : [...by, id], against);
  return (
    <Popover position="bottom-end" width={300} shadow="none" trapFocus>
      <Popover.Target><Button variant="default">{by.length ? `Grouped by ${by.length}` : "Group"}</Button></Popover.Target>
      <Popover.Dropdown aria-label="Group runs">
        <TextInput placeholder="Group by" aria-label="Find what to group by" value={wanted} onChange={(event) => setWanted(event.currentTarget.value)} />
        <div className="chooser" tabIndex={0} role="region" aria-label="Group by">
          {shown.slice(0, OFFERED).map(([id, label]) => <Checkbox key={id} size="xs" label={label} checked={by.includes(id)} onChange={() => toggle(id)} />)}
          {shown.length > OFFERED && <p className="muted small">{shown.length - OFFERED} more: type to narrow down.</p>}
        </div>
        <Checkbox size="xs" label="Test against the baseline, not the best group" checked={against === "baseline"} onChange={() => onChange(by, against === "baseline" ? "" : "baseline")} />
        {by.length > 0 && <Button mt="xs" variant="subtle" onClick={() => onChange([], "")}>No groups</Button>}
      </Popover.Dropdown>
    </Popover>
  );
}
