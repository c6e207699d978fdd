import type { FileChange } from "@/api/types";
import { countChanges, parseDiff } from "./diffLines";

const WORDS = { added: "added", removed: "removed", modified: "modified" } as const;

/** One changed file as a unified diff with line numbers; signs stand beside the colours. */
export function FileDiff({ file }: { file: FileChange }) {
  const lines = parseDiff(file.diff);
  const { plus, minus } = countChanges(lines);
  return (
    <details className="diff" open={lines.length < 400}>
      <summary>
        <span className="mono">{file.path}</span>
        <span className="muted small">{WORDS[file.change]}</span>
        <span className="small num"><span className="tone-green">+{plus}</span> <span className="tone-red">−{minus}</span></span>
      </summary>
      {file.diff ? (
        <div className="diff-scroll" tabIndex={0} role="region" aria-label={`Changes in ${file.path}`}>
          <table>
            <tbody>
              {lines.map((line, i) => (
                <tr key={i} className={`diff-${line.kind}`}>
                  <td className="diff-no" aria-hidden="true">{line.before ?? ""}</td>
                  <td className="diff-no" aria-hidden="true">{line.after ?? ""}</td>
                  <td className="diff-text"><span className="diff-sign">{line.sign}</span>{line.text}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      ) : (
        <p className="muted small diff-none">No text diff: the file is binary or very large.</p>
      )}
    </details>
  );
}

/** All changed files, or a sentence that there are none. */
export function Diffs({ files, none }: { files: FileChange[]; none: string }) {
  if (files.length === 0) return <p className="muted">{none}</p>;
  return <div className="diffs">{files.map((file) => <FileDiff key={file.path} file={file} />)}</div>;
}
