import { TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "@/api/client";
import type { RunDetail } from "@/api/types";
import { codeFileQuery } from "@/ui/codeFile";
import { Facts, IdChip, Section } from "@/ui/bits";
import { Diffs, FileText } from "@/ui/Diff";
import { formatBytes, plural } from "@/ui/format";
import { Empty, Loaded } from "@/ui/states";
import { type CodeCapture, useCapture } from "../captures";

const SHOWN = 300;

function OneFile({ run, path }: { run: string; path: string }) {
  const query = useQuery(codeFileQuery(run, path));
  return <Loaded query={query}>{(file) => <FileText path={path} text={file.text} />}</Loaded>;
}

function Files({ run, files }: { run: string; files: CodeCapture["files"] }) {
  const [opened, setOpened] = useState("");
  const [wanted, setWanted] = useState("");
  const shown = files.filter((file) => file.path.toLowerCase().includes(wanted.toLowerCase()));
  return (
    <Section title={`${plural(files.length, "file")} captured`}
      aside={<TextInput size="xs" placeholder="Filter files" aria-label="Filter files" value={wanted} onChange={(event) => setWanted(event.currentTarget.value)} />}>
      <table className="plain-table">
        <thead><tr><th>Path</th><th className="num">Size</th><th className="wide">Digest</th></tr></thead>
        <tbody>
          {shown.slice(0, SHOWN).map((file) => (
            <tr key={file.path}>
              <td className="mono break"><button type="button" className="link" onClick={() => setOpened(opened === file.path ? "" : file.path)} aria-expanded={opened === file.path}>{file.path}</button>{opened === file.path && <OneFile run={run} path={file.path} />}</td>
              <td className="num">{formatBytes(file.size)}</td>
              <td className="wide"><IdChip id={file.digest} label="digest" /></td>
            </tr>
          ))}
        </tbody>
      </table>
      {shown.length > SHOWN && <p className="muted">{shown.length - SHOWN} more: filter by path.</p>}
    </Section>
  );
}

/** The code the run ran with: commit, what was not committed, every file with its digest. */
export default function CodeTab({ detail }: { detail: RunDetail }) {
  const { run } = detail;
  const code = useCapture(detail, "code");
  const changes = useQuery({
    queryKey: ["run", run.id, "code-diff"],
    queryFn: ({ signal }) => api.get("/api/v1/runs/{run_id}/code-diff", { path: { run_id: run.id }, signal }),
  });
  return (
    <Loaded query={code}>
      {(found) =>
        found === null ? (
          <Empty title="No code was captured">The run came from a client that sends none, such as an imported tracker. Runs started with <code>runward run</code> or <code>run.start()</code> have it.</Empty>
        ) : (
          <>
            <Section title="Source">
              <Facts rows={[
                ["Commit", found.commit ? <IdChip key="c" id={found.commit} label="commit" /> : "not in a repository"],
                ["Branch", <span key="b" className="mono">{found.branch || "–"}</span>],
                ["Remote", <span key="r" className="mono">{found.remote || "–"}</span>],
                ["Not committed", `${plural(found.changed?.length ?? 0, "changed file")}, ${found.untracked?.length ?? 0} untracked, ${found.deleted?.length ?? 0} deleted`],
              ]} />
              {found.files?.some((file) => file.masked) ? <p className="note tone-amber">Secrets were masked in {found.files.filter((file) => file.masked).map((file) => file.path).join(", ")}: a rerun that needs them fails.</p> : null}
              {found.left_out?.length ? <p className="note tone-amber">Left out: {found.left_out.map((item) => `${item.path} (${item.reason})`).join(", ")}</p> : null}
            </Section>
            <Section title="Uncommitted changes">
              <Loaded query={changes}>{(files) => <Diffs files={files} none="Nothing was uncommitted: the commit is the code." />}</Loaded>
            </Section>
            <Files run={run.id} files={found.files ?? []} />
          </>
        )
      }
    </Loaded>
  );
}
