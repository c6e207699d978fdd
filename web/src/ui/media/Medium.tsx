import { useQueries } from "@tanstack/react-query";
import { send } from "@/api/client";
import { fileUrl, type MediaFile, useFileText } from "@/api/media";
import { CodeBlock } from "../CodeBlock";
import { DataTable, tableOf } from "./DataTable";
import { type Bins, binsOf, HistogramBars, HistogramSteps } from "./Histogram";
import { HtmlFrame } from "./HtmlFrame";
import { Loaded } from "../states";

const TABLE = "application/vnd.runward.table+json";
export const HISTOGRAM = "application/vnd.runward.histogram+json";
const STEPS = 40;
const READ_BYTES = 4_000_000;

function Written({ runId, file }: { runId: string; file: MediaFile }) {
  const text = useFileText(runId, file.path);
  return (
    <Loaded query={text} rows={4}>
      {(content) => {
        const table = file.media_type === TABLE ? tableOf(content) : null;
        const bins = file.media_type === HISTOGRAM ? binsOf(content) : null;
        if (table) return <DataTable table={table} />;
        return bins ? <HistogramBars bins={bins} /> : <CodeBlock code={content} label={`${file.key} of run ${runId.slice(0, 8)}`} />;
      }}
    </Loaded>
  );
}

/** A medium as what it is. What comes from a run is data: pictures are pictures, HTML is locked up, all else is text. */
export function Medium({ runId, file }: { runId: string; file: MediaFile }) {
  const src = fileUrl(runId, file.path, "inline");
  const name = `${file.key} at step ${file.step}`;
  if (/^image\/(png|jpeg|gif|webp|svg\+xml)$/.test(file.media_type)) return <img className="medium" src={src} alt={name} loading="lazy" />;
  // eslint-disable-next-line jsx-a11y/media-has-caption -- what a run logged comes without captions
  if (file.media_type.startsWith("audio/")) return <audio controls src={src} aria-label={name} preload="metadata" />;
  // eslint-disable-next-line jsx-a11y/media-has-caption -- what a run logged comes without captions
  if (file.media_type.startsWith("video/")) return <video className="medium" controls src={src} aria-label={name} preload="metadata" />;
  if (file.media_type === "text/html") return <HtmlFrame src={fileUrl(runId, file.path, "page")} title={name} />;
  const readable = file.size <= READ_BYTES && (file.media_type.startsWith("text/") || file.media_type === TABLE || file.media_type === HISTOGRAM);
  return readable ? <Written runId={runId} file={file} /> : <p className="muted">No preview for {file.media_type}. <a href={fileUrl(runId, file.path)} download>Download</a></p>;
}

/** A histogram over its steps, at most some of them evenly spread. */
export function OverSteps({ runId, files, current }: { runId: string; files: MediaFile[]; current: number }) {
  const every = Math.ceil(files.length / STEPS);
  const some = files.filter((file, i) => i % every === 0 || file.step === current);
  const steps = useQueries({
    queries: some.map((file) => ({
      queryKey: ["file", runId, file.path, ""],
      queryFn: async ({ signal }: { signal: AbortSignal }) => (await send("GET", fileUrl(runId, file.path), { signal })).text(),
      staleTime: 60_000,
    })),
    combine: (answers) => answers.flatMap(({ data }, i): { step: number; bins: Bins }[] => {
      const bins = data === undefined ? null : binsOf(data);
      return bins ? [{ step: some[i]?.step ?? 0, bins }] : [];
    }),
  });
  return steps.length > 1 ? <HistogramSteps steps={steps} current={current} /> : null;
}
