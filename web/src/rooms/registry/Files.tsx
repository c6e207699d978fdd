import type { ModelFile, VersionDetail } from "@/api/types";
import { Badge } from "@/ui/Badge";
import type { BadgeSpec } from "@/ui/badges";
import { IdChip, Section } from "@/ui/bits";
import { formatBytes, plural } from "@/ui/format";
import { Scroll } from "@/ui/Scroll";

const SAFE: BadgeSpec = { sign: "✓", word: "data only", tone: "green", meaning: "Loading it runs no code that it chooses." };
const UNSAFE: BadgeSpec = { sign: "!", word: "unsafe", tone: "amber", meaning: "Loading it can run code that it chooses. Safetensors, ONNX and skops do not." };
const DANGEROUS: BadgeSpec = { sign: "✗", word: "dangerous", tone: "red", meaning: "Loading it would start programs, run code or touch files." };
const UNKNOWN: BadgeSpec = { sign: "?", word: "unknown", tone: "grey", meaning: "It is not known what loading it does." };
const SHOWN = 6;

function safetyOf({ format }: ModelFile): BadgeSpec {
  if (format.dangerous?.length) return DANGEROUS;
  return { safe: SAFE, unsafe: UNSAFE, unknown: UNKNOWN }[format.safety];
}

/** What loading it would import, what is dangerous first. */
function Imports({ file }: { file: ModelFile }) {
  const { dangerous = [], imports = [], note = "", safety } = file.format;
  const named = safety === "safe" ? [] : [...dangerous, ...imports.filter((name) => !dangerous.includes(name))];
  if (named.length === 0) return <span className="muted small">{note || (safety === "unsafe" ? "imports nothing" : "")}</span>;
  return (
    <span className="small break">
      imports {named.slice(0, SHOWN).map((name, i) => <span key={name}>{i > 0 && ", "}<code className={dangerous.includes(name) ? "tone-red" : undefined}>{name}</code></span>)}
      {named.length > SHOWN && <span className="muted" title={named.slice(SHOWN).join(", ")}> and {named.length - SHOWN} more</span>}
      {note && <span className="muted"> · {note}</span>}
    </span>
  );
}

/** The files of a version, each with its format and what loading it does. */
export function Files({ detail: { files, fixed, version } }: { detail: VersionDetail }) {
  const bytes = files.reduce((sum, file) => sum + file.size, 0);
  return (
    <Section title="Files" aside={files.length > 0 && <span className="muted small">{plural(files.length, "file")}, {formatBytes(bytes)}</span>}>
      {files.length === 0 && <p className="muted">The workspace has none of its files; it was registered from <code className="break">{version.source}</code>.</p>}
      {files.length > 0 && !fixed && <p className="muted small">None was there when it was registered: these lie there now, and may change.</p>}
      {files.length > 0 && (
        <Scroll label="Files">
          <table className="plain-table">
            <thead><tr><th>File</th><th>Format</th><th>On loading</th><th className="num wide">Size</th><th className="wide">Digest</th></tr></thead>
            <tbody>
              {files.map((file) => (
                <tr key={file.path}>
                  <th scope="row" className="mono break"><bdi>{file.path}</bdi></th>
                  <td className="nowrap">{file.format.name}</td>
                  <td><Badge spec={safetyOf(file)} quiet /> <Imports file={file} /></td>
                  <td className="num wide nowrap">{formatBytes(file.size)}</td>
                  <td className="wide"><IdChip id={file.digest} label="digest" /></td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      )}
    </Section>
  );
}
