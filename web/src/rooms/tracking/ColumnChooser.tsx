import { Button, Checkbox, Popover, TextInput } from "@mantine/core";
import { useState } from "react";
import { columnOf } from "./columns";

/** Chooses the columns; the first three figures are what phones show. */
export function ColumnChooser({ all, chosen, onChange }: { all: string[]; chosen: string[]; onChange: (ids: string[] | null) => void }) {
  const [wanted, setWanted] = useState("");
  const toggle = (id: string) => onChange(chosen.includes(id) ? chosen.filter((other) => other !== id) : [...chosen, id]);
  const shown = all.filter((id) => id.toLowerCase().includes(wanted.toLowerCase()));
  return (
    <Popover position="bottom-end" width={300} shadow="none" trapFocus>
      <Popover.Target><Button variant="default">Columns</Button></Popover.Target>
      <Popover.Dropdown aria-label="Choose columns">
        <TextInput placeholder="Find a column" aria-label="Find a column" value={wanted} onChange={(event) => setWanted(event.currentTarget.value)} />
        <div className="chooser" tabIndex={0} role="region" aria-label="Columns">
          {shown.slice(0, 200).map((id) => (
            <Checkbox key={id} size="xs" label={id.includes(".") ? id : columnOf(id)?.label} checked={chosen.includes(id)} onChange={() => toggle(id)} />
          ))}
          {shown.length > 200 && <p className="muted small">{shown.length - 200} more: type to narrow down.</p>}
        </div>
        <Button variant="subtle" onClick={() => onChange(null)}>As before</Button>
      </Popover.Dropdown>
    </Popover>
  );
}
