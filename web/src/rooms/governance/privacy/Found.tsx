import { Select, TextInput } from "@mantine/core";
import type { FileDecision, FoundFile, Survey } from "@/api/types";
import { formatBytes, formatCount, plural } from "@/ui/format";
import { Scroll } from "@/ui/Scroll";
import { byTable } from "./parts";

export type Decisions = Record<string, FileDecision>;

const listed = (counts: [string, number][]) => counts.map(([table, count]) => `${table} (${formatCount(count)})`).join(", ");

/** What stands where, before anything is done. */
export function Found({ found }: { found: Omit<Survey, "place"> }) {
  const removed = Object.entries(found.removed);
  return (
    <div role="status" className="stack spaced">
      {found.refused ? <p className="tone-red"><strong>✗ Cannot be erased now:</strong> {found.refused}</p> : <p className="tone-green">✓ Nothing stands in the way.</p>}
      <p>A pseudonym takes the name’s place in rows of {listed(byTable(found.rows)) || "nothing"}.</p>
      {removed.length > 0 && <p>Removed are rows of {listed(removed)}.</p>}
      <p>{plural(found.files.length, "file")} {found.files.length === 1 ? "names" : "name"} them{found.files.length > 0 && "; who confirms decides on each"}.</p>
    </div>
  );
}

/** What becomes of each file that names the person. */
export function Files({ files, decisions, decide }: { files: FoundFile[]; decisions: Decisions; decide: (digest: string, decision: FileDecision) => void }) {
  return (
    <Scroll label="Files">
      <table className="plain-table card-table">
        <thead><tr><th>File</th><th>Size</th><th>What becomes of it</th></tr></thead>
        <tbody>
          {files.map((file) => {
            const now = decisions[file.digest];
            const ways = [...(file.replaceable ? [{ value: "replace", label: "write the name anew" }] : []), { value: "delete", label: "delete it" }, { value: "keep", label: "keep it, because" }];
            return (
              <tr key={file.digest}>
                <th scope="row" className="break">{file.places.join("; ")} <span className="muted mono small">{file.digest.slice(0, 12)}</span></th>
                <td data-label="Size" className="nowrap">{formatBytes(file.size)}, {plural(file.hits, "time")}</td>
                <td>
                  <Select size="xs" aria-label={`What becomes of ${file.places[0] ?? file.digest}`} placeholder="decide" data={ways} value={now?.action ?? null} allowDeselect={false} onChange={(value) => decide(file.digest, { action: (value ?? "delete") as FileDecision["action"], reason: now?.reason ?? "" })} />
                  {now?.action === "keep" && <TextInput size="xs" aria-label="Reason" placeholder="reason" required value={now.reason ?? ""} onChange={(event) => decide(file.digest, { action: "keep", reason: event.currentTarget.value })} />}
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </Scroll>
  );
}
