import { Button } from "@mantine/core";
import { Link, useLocation } from "wouter";
import type { DatasetLine } from "@/api/types";
import { Name, Section, Time } from "@/ui/bits";
import { formatBytes, formatCount, plural } from "@/ui/format";
import { Scroll } from "@/ui/Scroll";
import { Empty, Loaded } from "@/ui/states";
import { useRowKeys } from "@/ui/useRowKeys";
import { titleOf, useDatasets } from "./data/queries";

const hrefOf = (line: DatasetLine) => `/data/${encodeURIComponent(line.id)}`;

function Rows({ lines }: { lines: DatasetLine[] }) {
  const [, navigate] = useLocation();
  const active = useRowKeys(lines.length, { open: (i) => lines[i] && navigate(hrefOf(lines[i])) });
  return (
    <Scroll label="Datasets">
      <table className="plain-table">
        <thead><tr><th>Dataset</th><th className="wide">About</th><th>Newest</th><th className="num">Versions</th><th className="num wide">Files</th><th className="num wide">Size</th><th className="num wide">Rows</th><th className="wide">Changed</th></tr></thead>
        <tbody>
          {lines.map((line, i) => (
            <tr key={line.id} aria-current={i === active ? "true" : undefined}>
              <th scope="row"><Link href={hrefOf(line)}><Name>{line.name}</Name></Link><span className="muted small block"><bdi>{line.project}</bdi></span></th>
              <td className="wide muted">{line.description || "–"}</td>
              <td className="mono nowrap">{line.latest ? <bdi>{titleOf({ names: line.names, digest: line.latest })}</bdi> : "–"}</td>
              <td className="num">{formatCount(line.versions)}</td>
              <td className="num wide">{formatCount(line.files)}</td>
              <td className="num wide">{formatBytes(line.bytes)}</td>
              <td className="num wide">{line.rows === null ? "–" : formatCount(line.rows)}</td>
              <td className="wide muted nowrap"><Time at={line.updated_at} /></td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

/** The datasets whose path holds a text, with the exact number. */
export function Datasets({ search, project }: { search: string; project: string }) {
  const query = useDatasets(search, project);
  const total = query.data?.pages[0]?.total ?? 0;
  const lines = query.data?.pages.flatMap((page) => page.datasets) ?? [];
  return (
    <Section title="Datasets" aside={query.data && <span className="muted small">{plural(total, "dataset")}</span>}>
      <Loaded query={query}>
        {() => {
          if (lines.length === 0 && (search || project)) return <p className="muted">None fits.</p>;
          if (lines.length === 0) return <Empty title="No dataset yet" code={"runward data add data/train --project vision/digits"} language="shell">A version is the digest of its content: the same bytes are the same version and cost nothing.</Empty>;
          return (
            <>
              <Rows lines={lines} />
              {query.hasNextPage && <p className="muted small kept">{formatCount(lines.length)} of {formatCount(total)}. <Button size="compact-xs" variant="default" loading={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>Show more</Button></p>}
            </>
          );
        }}
      </Loaded>
    </Section>
  );
}
