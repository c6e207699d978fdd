import { Button } from "@mantine/core";
import { Link, useLocation } from "wouter";
import type { Dataset, VersionLine } from "@/api/types";
import { IdChip, Name, Time } from "@/ui/bits";
import { formatBytes, formatCount, plural } from "@/ui/format";
import { Scroll } from "@/ui/Scroll";
import { Loaded } from "@/ui/states";
import { useRowKeys } from "@/ui/useRowKeys";
import { useHistory } from "./queries";

/** How a count moved since the version before. */
function Delta({ now, before, format }: { now: number; before: number | null | undefined; format: (n: number) => string }) {
  if (before === null || before === undefined || now === before) return null;
  return <span className="muted small block">{now > before ? "+" : "−"}{format(Math.abs(now - before))}</span>;
}

function Row({ line, before, base, active }: { line: VersionLine; before: VersionLine | undefined; base: string; active: boolean }) {
  const version = line.digest.slice(0, 12);
  return (
    <tr aria-current={active ? "true" : undefined}>
      <th scope="row" className="nowrap">
        <Link href={`${base}/changes?version=${version}`} className="mono">{version}</Link>
        {line.names.length > 0 && <span className="chips version-names">{line.names.map((name) => <span key={name} className="tag"><bdi>{name}</bdi></span>)}</span>}
      </th>
      <td className="muted"><bdi>{line.note || "–"}</bdi></td>
      <td className="num">{formatCount(line.files)}<Delta now={line.files} before={before?.files} format={formatCount} /></td>
      <td className="num">{formatBytes(line.bytes)}<Delta now={line.bytes} before={before?.bytes} format={formatBytes} /></td>
      <td className="num">{line.rows === null ? "–" : formatCount(line.rows)}{line.rows !== null && <Delta now={line.rows} before={before?.rows} format={formatCount} />}</td>
      <td className="wide"><Name>{line.created_by}</Name></td>
      <td className="wide muted nowrap"><Time at={line.created_at} /></td>
      <td className="wide nowrap">{line.parent ? <Link href={`${base}/changes?version=${version}`}>Changes</Link> : <span className="muted">first</span>}</td>
    </tr>
  );
}

/** All versions, newest first, each with what it holds and how that moved. */
export default function HistoryTab({ dataset, base }: { dataset: Dataset; base: string }) {
  const query = useHistory(dataset.id);
  const [, navigate] = useLocation();
  const lines = query.data?.pages.flat() ?? [];
  const active = useRowKeys(lines.length, { open: (i) => lines[i] && navigate(`${base}/changes?version=${lines[i].digest.slice(0, 12)}`) });
  const byDigest = new Map(lines.map((line) => [line.digest, line]));
  return (
    <Loaded query={query}>
      {() => (
        <>
          <Scroll label="Versions">
            <table className="plain-table">
              <thead><tr><th>Version</th><th>Note</th><th className="num">Files</th><th className="num">Size</th><th className="num">Rows</th><th className="wide">By</th><th className="wide">When</th><th className="wide">Since the one before</th></tr></thead>
              <tbody>{lines.map((line, i) => <Row key={line.digest} line={line} before={byDigest.get(line.parent)} base={base} active={i === active} />)}</tbody>
            </table>
          </Scroll>
          <p className="muted small kept">
            {query.hasNextPage
              ? <>{formatCount(lines.length)} of {plural(dataset.versions, "version")}. <Button size="compact-xs" variant="default" loading={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>Show older ones</Button></>
              : <>A version is the digest of its content: <IdChip id={dataset.latest} label="digest of the newest version" /> is the newest.</>}
          </p>
        </>
      )}
    </Loaded>
  );
}
