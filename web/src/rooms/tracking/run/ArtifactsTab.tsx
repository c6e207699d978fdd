import { CloseButton } from "@mantine/core";
import { useEffect, useRef } from "react";
import { fileUrl, useFileText } from "@/api/media";
import type { Artifact, RunDetail } from "@/api/types";
import { IdChip, Name, Time } from "@/ui/bits";
import { CodeBlock } from "@/ui/CodeBlock";
import { later } from "@/ui/later";
import { HtmlFrame } from "@/ui/media/HtmlFrame";
import { formatBytes, plural } from "@/ui/format";
import { Empty, Loaded } from "@/ui/states";
import { useUrlState } from "@/ui/urlState";
import { Scroll } from "@/ui/Scroll";
import { TalkButton } from "../comments/TalkButton";

const IMAGES = /\.(png|jpe?g|gif|webp|svg)$/i;
const TEXTS = /\.(txt|md|csv|tsv|json|ya?ml|toml|log|py|cfg|ini)$/i;
const NOTEBOOK = /\.ipynb$/i;
const PREVIEW_BYTES = 400_000;
const NOTEBOOK_BYTES = 30_000_000;
const Notebook = later(() => import("@/ui/media/Notebook"));

function TextPreview({ runId, file }: { runId: string; file: Artifact }) {
  const text = useFileText(runId, file.path, file.digest);
  const isNotebook = NOTEBOOK.test(file.path);
  return <Loaded query={text}>{(content) => (isNotebook ? <Notebook text={content} /> : <CodeBlock code={content} label={file.path} />)}</Loaded>;
}

function Preview({ runId, file }: { runId: string; file: Artifact }) {
  if (IMAGES.test(file.path)) return <img className="preview" src={fileUrl(runId, file.path, "inline")} alt={file.path} />;
  if (/\.html?$/i.test(file.path)) return <HtmlFrame src={fileUrl(runId, file.path, "page")} title={file.path} />;
  if (NOTEBOOK.test(file.path) && file.size <= NOTEBOOK_BYTES) return <TextPreview runId={runId} file={file} />;
  if (TEXTS.test(file.path) && file.size <= PREVIEW_BYTES) return <TextPreview runId={runId} file={file} />;
  return <p className="muted">No preview for this kind or size of file. Download it to look at it.</p>;
}

function OpenFile({ runId, file, close }: { runId: string; file: Artifact; close: () => void }) {
  const box = useRef<HTMLElement>(null);
  useEffect(() => {
    box.current?.scrollIntoView({ block: "nearest" });
  }, []);
  return (
    <section ref={box} className="preview-box" aria-label={`Preview of ${file.path}`}>
      <header className="section-head">
        <h2 className="mono"><bdi>{file.path}</bdi></h2>
        <span className="inline-field">
          <TalkButton run={runId} about={{ kind: "artifact", key: file.path }} />
          <CloseButton aria-label={`Close ${file.path}`} onClick={close} />
        </span>
      </header>
      <Preview runId={runId} file={file} />
    </section>
  );
}

/** Files the run left, with their digests; images and small texts are shown. */
export default function ArtifactsTab({ detail }: { detail: RunDetail }) {
  const [url, setUrl] = useUrlState();
  const { run, artifacts } = detail;
  const open = artifacts.find((file) => file.path === url.get("file"));
  if (artifacts.length === 0) {
    return <Empty title="No artifact" code={`run.log_artifact("model.pt")`}>Files that a run keeps are listed here with their content digests.</Empty>;
  }
  const all = artifacts.reduce((sum, file) => sum + file.size, 0);
  return (
    <>
      <p className="muted">{plural(artifacts.length, "file")}, {formatBytes(all)}</p>
      <Scroll label="Artifacts">
        <table className="plain-table">
          <thead><tr><th>Path</th><th className="num">Size</th><th className="wide">Digest</th><th className="wide">Stored</th><th>Get</th></tr></thead>
          <tbody>
            {artifacts.map((file) => (
              <tr key={file.path} aria-current={file === open ? "true" : undefined}>
                <th scope="row" className="key"><button type="button" className="link mono" onClick={() => setUrl({ file: file === open ? null : file.path })}><Name>{file.path}</Name></button></th>
                <td className="num">{formatBytes(file.size)}</td>
                <td className="wide"><IdChip id={file.digest} label="digest" /></td>
                <td className="wide muted"><Time at={file.created_at} /></td>
                <td><a href={fileUrl(run.id, file.path)} download aria-label={`Download ${file.path}`}>Download</a></td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      {open && <OpenFile key={open.path} runId={run.id} file={open} close={() => setUrl({ file: null })} />}
    </>
  );
}
