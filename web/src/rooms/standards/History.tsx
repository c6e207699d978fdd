import { Button } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api } from "@/api/client";
import type { StandardsVersion } from "@/api/types";
import { Name, Section, Time } from "@/ui/bits";
import { plural } from "@/ui/format";
import { ErrorNote, Loaded } from "@/ui/states";
import { useUrlState } from "@/ui/urlState";
import { ValueChanges } from "@/ui/ValueChanges";
import { changesQuery } from "./queries";

function Changed({ project, version }: { project: string; version: number }) {
  const query = useQuery(changesQuery(project, version - 1, version));
  return <Loaded query={query} rows={2}>{(changes) => <ValueChanges changes={changes} before={version > 1 ? `Version ${version - 1}` : "Before"} after={`Version ${version}`} />}</Loaded>;
}

function GoBack({ project, version, newest, etag }: { project: string; version: number; newest: number; etag: string }) {
  const client = useQueryClient();
  const back = useMutation({
    mutationFn: () => api.patch("/api/v1/projects/{project}/standards", { path: { project }, body: { start: version }, match: etag }),
    onSettled: () => client.invalidateQueries({ queryKey: ["standards"] }),
  });
  return (
    <>
      <Button variant="default" size="compact-xs" loading={back.isPending} onClick={() => back.mutate()} title={`Makes version ${newest + 1}, which says what version ${version} said`}>Say this again</Button>
      {back.isError && <ErrorNote error={back.error} />}
    </>
  );
}

/** Every version of what a project says itself: who, when, what changed. */
export function History({ project, versions, etag }: { project: string; versions: StandardsVersion[]; etag: string }) {
  const [url, setUrl] = useUrlState();
  const newest = versions[0]?.version ?? 0;
  const open = Number(url.get("version") ?? newest);
  return (
    <Section title="History" aside={<span className="muted small">{plural(versions.length, "version")}</span>}>
      {versions.length === 0 ? <p className="muted">This project has said nothing itself yet.</p> : (
        <ol className="plain-list">
          {versions.map(({ version, author, at }) => (
            <li key={version}>
              <div className="standards-version">
                <button type="button" className="link" aria-expanded={version === open} onClick={() => setUrl({ version: version === open ? "0" : String(version) })}>Version {version}</button>
                <span className="muted">by <Name>{author}</Name> <Time at={at} /></span>
                {version === newest ? <span className="muted small">in force</span> : version === open && <GoBack project={project} version={version} newest={newest} etag={etag} />}
              </div>
              {version === open && <Changed project={project} version={version} />}
            </li>
          ))}
        </ol>
      )}
    </Section>
  );
}
