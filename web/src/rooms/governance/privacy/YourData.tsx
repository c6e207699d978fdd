import { Button } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { formatCount, plural } from "@/ui/format";
import { ErrorNote } from "@/ui/states";
import { download, takeOut } from "./parts";

/** Takes out all that concerns the reader. */
export function YourData({ name }: { name: string }) {
  const [rows, setRows] = useState(0);
  const take = useMutation({
    mutationFn: async () => {
      setRows(0);
      const found = await takeOut(name, setRows);
      download(`${name}.json`, JSON.stringify({ format: "person archive 1", person: name, ...found }, null, 1));
      return { rows: Object.values(found.tables).reduce((sum, table) => sum + table.length, 0), files: found.files.length };
    },
  });
  return (
    <div className="stack narrow">
      <p className="muted">All that you made here, that is about you, or in which a text names you where you may read it. Passwords, tokens and sessions are left out.</p>
      <Button size="xs" variant="default" loading={take.isPending} onClick={() => take.mutate()}>Take out your data</Button>
      {take.isPending && <p role="status" className="muted">{formatCount(rows)} rows so far</p>}
      {take.isError && <ErrorNote error={take.error} />}
      {take.data && <p role="status" className="tone-green">✓ {plural(take.data.rows, "row")} and a list of {plural(take.data.files, "file")} in {name}.json</p>}
      <p className="muted small">As an archive with an explanation of each column: <code>runward person export {name} {name}.zip</code>. To be erased, ask an admin: two of them have to agree.</p>
    </div>
  );
}
