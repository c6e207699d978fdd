import type { ColumnDoc, Dataset, DatasetVersion } from "@/api/types";
import { Badge } from "@/ui/Badge";
import type { BadgeSpec } from "@/ui/badges";
import { Section } from "@/ui/bits";
import { shellQuote } from "@/ui/CopyAs";
import { formatCount, plural } from "@/ui/format";
import { Scroll } from "@/ui/Scroll";
import { Empty, Loaded } from "@/ui/states";
import { useUrlState } from "@/ui/urlState";
import { dictionaryOf, type TableDoc, tookOver } from "./dictionary";
import { useVersion } from "./queries";
import { VersionPicker } from "./VersionPicker";

const NOBODY: BadgeSpec = { sign: "?", word: "not looked at", tone: "grey", meaning: "Nobody looked whether this column holds personal data." };
const NONE: BadgeSpec = { sign: "–", word: "none", tone: "grey", meaning: "It holds no personal data." };

function Personal({ kind }: { kind: string }) {
  if (!kind) return <Badge quiet spec={NOBODY} />;
  return <Badge quiet spec={kind === "none" ? NONE : { sign: "!", word: kind, tone: "amber", meaning: `It holds personal data: ${kind}. No extremes of it are shown.` }} />;
}

function Missing({ column, rows }: { column: ColumnDoc; rows: number | null }) {
  if (column.missing === null || column.missing === undefined) return <span className="muted">–</span>;
  return <>{formatCount(column.missing)}{column.missing > 0 && rows && <span className="muted small"> {((100 * column.missing) / rows).toFixed(1)} %</span>}</>;
}

const range = ({ least, greatest }: ColumnDoc) => (least || greatest ? (least === greatest ? least : `${least} … ${greatest}`) : "");

function TableDictionary({ table, stale }: { table: TableDoc; stale: boolean }) {
  return (
    <Section title={<span className="mono break"><bdi>{table.path}</bdi></span>} aside={<span className="muted small">{table.known ? `${plural(table.rows, "row")}, ` : ""}{plural(table.columns.length, "column")}</span>}>
      {stale && <p className="muted small">Counts and ranges are those of an earlier version, whose words this one took over: <code>runward data describe --propose</code> counts again.</p>}
      <Scroll label={`Columns of ${table.path}`}>
        <table className="plain-table">
          <thead><tr><th>Column</th><th>Type</th><th>Unit</th><th className="num">Missing</th><th className="num">Distinct</th><th>Range</th><th>Personal data</th><th>Meaning</th></tr></thead>
          <tbody>
            {table.columns.map((column) => (
              <tr key={column.column}>
                <th scope="row" className="mono nowrap"><bdi>{column.column}</bdi></th>
                <td className="mono">{column.type || "–"}</td>
                <td className="mono">{column.unit || "–"}</td>
                <td className="num nowrap"><Missing column={column} rows={stale ? null : table.rows} /></td>
                <td className="num">{column.distinct === null || column.distinct === undefined ? "–" : formatCount(column.distinct)}</td>
                <td className="mono break">{range(column) || "–"}</td>
                <td className="nowrap"><Personal kind={column.pii ?? ""} /></td>
                <td className="break"><bdi>{column.description || "–"}</bdi></td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </Section>
  );
}

function Shown({ version }: { version: DatasetVersion }) {
  const tables = dictionaryOf(version);
  const parent = useVersion(version.dataset_id, version.parent, version.parent !== "");
  const path = shellQuote(`${version.dataset}@${version.digest.slice(0, 12)}`);
  if (tables.length === 0) {
    return <Empty title="No table file is known in this version" code={`runward data describe ${path} --file dictionary.yaml`} language="shell">Columns of CSV, TSV, JSONL and Parquet files are listed here. For other formats they can be described by hand:</Empty>;
  }
  return (
    <>
      {version.dictionary.length === 0 && (
        <p className="note">Nobody described these columns. <code>runward data describe {path} --propose</code> counts missing values and ranges, and guesses personal data.</p>
      )}
      {tables.map((table) => <TableDictionary key={table.path} table={table} stale={parent.data !== undefined && tookOver(table.path, version, parent.data)} />)}
    </>
  );
}

/** What a version's columns mean. */
export default function DictionaryTab({ dataset }: { dataset: Dataset }) {
  const [url, setUrl] = useUrlState();
  const wanted = url.get("version") ?? "";
  const query = useVersion(dataset.id, wanted || "latest");
  return (
    <>
      <div className="toolbar"><VersionPicker dataset={dataset.id} label="Version" value={wanted} empty="latest" onChange={(version) => setUrl({ version })} /></div>
      <Loaded query={query}>{(version) => <Shown version={version} />}</Loaded>
    </>
  );
}
