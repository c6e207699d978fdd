import { Button, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { urlOf } from "@/api/url";
import type { Dataset } from "@/api/types";
import { IdChip } from "@/ui/bits";
import { formatBytes, formatCount, plural } from "@/ui/format";
import { Scroll } from "@/ui/Scroll";
import { Loaded } from "@/ui/states";
import { useUrlState } from "@/ui/urlState";
import { useFiles } from "./queries";
import { ReadFor, usePurpose } from "./ReadFor";
import { VersionPicker } from "./VersionPicker";

const blobUrl = (dataset: string, digest: string, purpose: string) =>
  urlOf("/api/v1/datasets/{dataset}/blobs/{digest}", { path: { dataset, digest } }) + (purpose && `?purpose=${encodeURIComponent(purpose)}`);

/** The files of a version. */
export default function FilesTab({ dataset }: { dataset: Dataset }) {
  const [url, setUrl] = useUrlState();
  const wanted = url.get("version") ?? "";
  const [search] = useDebouncedValue(url.get("q") ?? "", 150);
  const { purpose, ready } = usePurpose(dataset.id);
  const query = useFiles(dataset.id, wanted || "latest", search);
  const [first] = query.data?.pages ?? [];
  const files = query.data?.pages.flatMap((page) => page.files) ?? [];
  return (
    <>
      <div className="toolbar">
        <VersionPicker dataset={dataset.id} label="Version" value={wanted} empty="latest" onChange={(version) => setUrl({ version })} />
        <TextInput className="grow" data-filter placeholder="Filter by path  ( / )" aria-label="Filter files by path" value={url.get("q") ?? ""} onChange={(event) => setUrl({ q: event.currentTarget.value })} />
        {first && <span className="muted">{plural(first.total, "file")}, {formatBytes(first.bytes)}</span>}
      </div>
      <ReadFor dataset={dataset.id} />
      <Loaded query={query}>
        {() => files.length === 0 ? <p className="muted">{search ? `No path holds “${search}”.` : "This version holds no file."}</p> : (
          <>
            <Scroll label="Files">
              <table className="plain-table">
                <thead><tr><th>Path</th><th className="num">Size</th><th className="wide">Digest</th><th>Get</th></tr></thead>
                <tbody>
                  {files.map((file) => (
                    <tr key={file.path}>
                      <th scope="row" className="mono break"><bdi>{file.path}</bdi></th>
                      <td className="num">{formatBytes(file.size)}</td>
                      <td className="wide"><IdChip id={file.digest} label="digest" /></td>
                      <td>{file.size > 0 && (ready ? <a href={blobUrl(dataset.id, file.digest, purpose)} download={file.path.split("/").pop()} aria-label={`Download ${file.path}`}>Download</a> : <span className="muted small">say for what</span>)}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </Scroll>
            {query.hasNextPage && <p className="muted small kept">{formatCount(files.length)} of {formatCount(first?.total ?? 0)}. <Button size="compact-xs" variant="default" loading={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>Show more</Button></p>}
          </>
        )}
      </Loaded>
    </>
  );
}
