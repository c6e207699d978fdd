import { Button } from "@mantine/core";
import type { Dataset, VersionDiff } from "@/api/types";
import { Section } from "@/ui/bits";
import { shellQuote } from "@/ui/CopyAs";
import { formatBytes, formatCount, plural } from "@/ui/format";
import { Loaded } from "@/ui/states";
import { useUrlState } from "@/ui/urlState";
import { useVersionDiff } from "./queries";
import { ReadFor } from "./ReadFor";
import { TableChanges } from "./TableChanges";
import { VersionPicker } from "./VersionPicker";

interface Change {
  sign: string;
  tone: string;
  word: string;
  path: string;
  detail?: string;
}

function Files({ found }: { found: VersionDiff }) {
  const { diff } = found;
  const lines: Change[] = [
    ...diff.removed.map((file) => ({ sign: "−", tone: "red", word: "removed", path: file.path, detail: formatBytes(file.size) })),
    ...diff.moved.map((move) => ({ sign: "→", tone: "amber", word: "moved", path: move.after, detail: `from ${move.before}` })),
    ...diff.added.map((file) => ({ sign: "+", tone: "green", word: "added", path: file.path, detail: formatBytes(file.size) })),
    ...diff.changed.map((path) => ({ sign: "≠", tone: "amber", word: "changed", path })),
  ];
  const all = found.added + found.removed + found.moved + found.changed;
  const counts = [`${formatCount(diff.same)} same`, `${formatCount(found.changed)} changed`, `${formatCount(found.added)} added`, `${formatCount(found.removed)} removed`, `${formatCount(found.moved)} moved`];
  return (
    <Section title="Files" aside={<span className="muted small">{counts.join(", ")}</span>}>
      {lines.length === 0 ? <p className="muted">Every file is the same.</p> : (
        <ul className="plain-list change-list">
          {lines.map((line) => (
            <li key={`${line.word} ${line.path}`}>
              <span className={`tone-${line.tone} nowrap`}><span aria-hidden="true" className="badge-sign">{line.sign}</span> {line.word}</span>
              <span className="mono break"><bdi>{line.path}</bdi></span>
              {line.detail && <span className="muted small break"><bdi>{line.detail}</bdi></span>}
            </li>
          ))}
        </ul>
      )}
      {all > lines.length && <p className="muted small">{formatCount(lines.length)} of {plural(all, "file")} are shown: <code>runward data diff</code> lists them all.</p>}
    </Section>
  );
}

const BUMPS = { none: "Nothing differs", major: "A major change", minor: "A minor change", patch: "A patch" } as const;

function Shown({ found, dataset, version, other }: { found: VersionDiff; dataset: Dataset; version: string; other: string }) {
  const { diff } = found;
  return (
    <>
      <div className="verdict-line">
        <strong>{BUMPS[diff.bump]}</strong>
        {diff.tables.length > 0 && <span className="muted small">by files, columns and counts; values were not compared</span>}
        {diff.reasons.length > 0 && (
          <ul className="plain-list reasons">{diff.reasons.slice(0, 8).map((reason) => <li key={reason} className="break"><bdi>{reason.replace(/^\w+: /, "")}</bdi></li>)}{diff.reasons.length > 8 && <li className="muted">and {diff.reasons.length - 8} more</li>}</ul>
        )}
      </div>
      {diff.tables.map((table) => <TableChanges key={table.path} table={table} dataset={dataset} version={version} other={other} />)}
      {found.tables > diff.tables.length && <p className="muted small">{formatCount(diff.tables.length)} of {plural(found.tables, "changed table")} are shown.</p>}
      <Files found={found} />
    </>
  );
}

/** What changed between any two versions: columns first, then rows, then files. */
export default function ChangesTab({ dataset }: { dataset: Dataset }) {
  const [url, setUrl] = useUrlState();
  const version = url.get("version") ?? "";
  const other = url.get("other") ?? "";
  const query = useVersionDiff(dataset.id, version || "latest", other);
  const path = `${dataset.project}/${dataset.name}`;
  return (
    <>
      <div className="toolbar">
        <VersionPicker dataset={dataset.id} label="From" value={other} empty="the one before" onChange={(picked) => setUrl({ other: picked })} />
        <VersionPicker dataset={dataset.id} label="To" value={version} empty="latest" onChange={(picked) => setUrl({ version: picked })} />
        {other && <Button size="xs" variant="default" onClick={() => setUrl({ version: other, other: version || "latest" })}>⇄ Swap</Button>}
        <code className="muted small break">runward data diff {shellQuote(`${path}@${version || "latest"}`)}{other && ` ${shellQuote(other)}`}</code>
      </div>
      <ReadFor dataset={dataset.id} />
      <Loaded query={query}>{(found) => <Shown found={found} dataset={dataset} version={version || "latest"} other={other} />}</Loaded>
    </>
  );
}
