import { Fragment, type ReactNode, useState } from "react";
import type { FileChange } from "@/api/types";
import { anchorsOf, countChanges, type DiffLine, parseDiff } from "./diffLines";
import { excerpt } from "./excerpt";

const WORDS = { added: "added", removed: "removed", modified: "modified" } as const;

/** What stands between the lines of a diff, by `file:line` (`notebook#cell`), and how one begins to say something there. */
export interface Notes {
  at: (anchor: string) => ReactNode;
  ask?: (anchor: string, text: string) => void;
}

/** Lines with their numbers, and between them what is said there. */
function Lines({ label, path, lines, notes, single = false }: { label: string; path: string; lines: DiffLine[]; notes: Notes | undefined; single?: boolean }) {
  const anchors = anchorsOf(path, lines);
  return (
    <div className="diff-scroll" tabIndex={0} role="region" aria-label={label}>
      <table>
        <tbody>
          {lines.map((line, i) => {
            const anchor = anchors[i] ?? "";
            const said = anchor && notes?.at(anchor);
            return (
              <Fragment key={i}>
                <tr className={`diff-${line.kind}`}>
                  {!single && <td className="diff-no" aria-hidden="true">{line.before ?? ""}</td>}
                  <td className="diff-no">
                    {anchor && notes?.ask
                      ? <button type="button" className="diff-ask" aria-label={`Say something about ${anchor}`} title="Say something here" onClick={() => notes.ask?.(anchor, line.text)}>{line.after ?? "¶"}</button>
                      : <span aria-hidden="true">{line.after ?? ""}</span>}
                  </td>
                  <td className="diff-text">{single && line.kind === "hunk" ? <span className="diff-sign">⋯</span> : <><span className="diff-sign">{line.sign}</span>{line.text}</>}</td>
                </tr>
                {said && <tr className="diff-said"><td colSpan={3}>{said}</td></tr>}
              </Fragment>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

/** One changed file as a unified diff with line numbers; signs stand beside the colours. */
export function FileDiff({ file, notes }: { file: FileChange; notes?: Notes }) {
  const lines = parseDiff(file.diff);
  const { plus, minus } = countChanges(lines);
  return (
    <details className="diff" open={lines.length < 400}>
      <summary>
        <span className="mono">{file.path}</span>
        <span className="muted small">{WORDS[file.change]}</span>
        <span className="small num"><span className="tone-green">+{plus}</span> <span className="tone-red">−{minus}</span></span>
      </summary>
      {file.diff
        ? <Lines label={`Changes in ${file.path}`} path={file.path} lines={lines} notes={notes} />
        : <p className="muted small diff-none">No text diff: the file is binary or very large.</p>}
    </details>
  );
}

/** A file as it is, or some of its lines with what is around them. */
export function FileText({ path, text, focus = [], notes, open = true }: { path: string; text: string; focus?: number[]; notes?: Notes; open?: boolean }) {
  const [whole, setWhole] = useState(focus.length === 0);
  const lines = parseDiff(excerpt(text, whole ? [] : focus));
  return (
    <details className="diff" open={open}>
      <summary><span className="mono">{path}</span></summary>
      {focus.length > 0 && text && <button type="button" className="link small diff-whole" onClick={() => setWhole(!whole)}>{whole ? "Only these lines" : "Whole file"}</button>}
      {text
        ? <Lines label={`Code of ${path}`} path={path} lines={lines} notes={notes} single />
        : <p className="muted small diff-none">No text: the file is empty, binary or very large.</p>}
    </details>
  );
}

/** All changed files, or a sentence that there are none. */
export function Diffs({ files, none, notes }: { files: FileChange[]; none: string; notes?: Notes }) {
  if (files.length === 0) return <p className="muted">{none}</p>;
  return <div className="diffs">{files.map((file) => <FileDiff key={file.path} file={file} notes={notes} />)}</div>;
}
