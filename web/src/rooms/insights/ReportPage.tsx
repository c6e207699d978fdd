import { Button, Menu } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Link, useLocation } from "wouter";
import { api, type Tagged } from "@/api/client";
import type { Report, ReportDetail } from "@/api/types";
import { IdChip, Name, Time } from "@/ui/bits";
import { CopyAs, pythonString } from "@/ui/CopyAs";
import { useHotkeys } from "@/ui/hotkeys";
import { Page, projectTrail } from "@/ui/Page";
import { ErrorNote, Loading } from "@/ui/states";
import { useUrlState } from "@/ui/urlState";
import { WhoSees } from "@/ui/WhoSees";
import { useEdit } from "@/ui/edits";
import { type Merged, mergeValue } from "@/ui/merge";
import { begun, type Draft, mergeBlocks } from "./reports/blocks";
import { Editor } from "./reports/Editor";
import { Parts } from "./reports/Parts";
import { download, reportQuery, useCreate, useDelete, usePin, useReport } from "./reports/queries";
import { ShareModal } from "./reports/ShareModal";
import { StateOf } from "./reports/StateOf";

const trailOf = (project: string) => [...projectTrail(project), ["Reports", `/reports?project=${encodeURIComponent(project)}`] as [string, string]];

function Actions({ report, etag, live }: { report: Report; etag: string; live: boolean }) {
  const [, setUrl] = useUrlState();
  const [, navigate] = useLocation();
  const [sharing, setSharing] = useState(false);
  const [failed, setFailed] = useState<unknown>(null);
  const pin = usePin(report.id, etag);
  const remove = useDelete(report.id, etag);
  useHotkeys({ e: () => setUrl({ edit: "1" }) });
  const recipe = { cli: `runward reports show ${report.id}`, python: `detail = workspace.reports.get_report(${pythonString(report.id)})\n` };
  const goneTo = `/reports?project=${encodeURIComponent(report.project)}&deleted=${report.id}`;
  return (
    <>
      <WhoSees project={report.project} also="Whoever has one of its links sees what they show, until a link ends: Share lists them." />
      <CopyAs recipe={recipe} />
      <Menu shadow="none" position="bottom-end">
        <Menu.Target><Button variant="default" size="xs">More</Button></Menu.Target>
        <Menu.Dropdown>
          {report.pin && <Menu.Item onClick={() => setUrl({ live: live ? null : "1" })}>{live ? "Show as pinned" : "Show as it would be now"}</Menu.Item>}
          {report.pin && <Menu.Item onClick={() => pin.mutate(false)}>Make it live again</Menu.Item>}
          <Menu.Item onClick={() => void download(report.id, report.title).catch(setFailed)}>Download as HTML</Menu.Item>
          <Menu.Item color="red" onClick={() => remove.mutate(undefined, { onSuccess: () => navigate(goneTo) })}>Delete (can be undone)</Menu.Item>
        </Menu.Dropdown>
      </Menu>
      <Button variant="default" size="xs" onClick={() => setSharing(true)}>Share</Button>
      <Button variant="default" size="xs" disabled={pin.isPending} onClick={() => pin.mutate(true)} title="Keep every value that is shown now">{report.pin ? "Pin again" : "Pin"}</Button>
      <Button size="xs" onClick={() => setUrl({ edit: "1" })} title="Edit (e)">Edit</Button>
      {[pin.error, remove.error, failed].map((error, i) => error != null && <ErrorNote key={i} error={error} />)}
      <ShareModal id={report.id} opened={sharing} close={() => setSharing(false)} />
    </>
  );
}

/** The title and the blocks of two, brought together. */
function mergeDrafts({ report, blocks }: ReportDetail, mine: Draft, newest: ReportDetail): Merged<Draft> {
  const title = mergeValue(report.title, mine.title, newest.report.title);
  const merged = mergeBlocks(blocks, mine.blocks, newest.blocks);
  return { draft: { title: title.value, blocks: merged.list }, conflicts: [...(title.both ? ["the title"] : []), ...(merged.conflicts ? ["the same blocks"] : [])] };
}

function Editing({ detail }: { detail: Tagged<ReportDetail> }) {
  const [, setUrl] = useUrlState();
  const client = useQueryClient();
  const { id, project } = detail.report;
  const [draft, setDraft] = useState<Draft>({ title: detail.report.title, blocks: detail.blocks });
  const done = () => setUrl({ edit: null });
  const edit = useEdit(detail, {
    save: (sent: Draft, { etag }) => api.put("/api/v1/reports/{report_id}", { path: { report_id: id }, body: sent, match: etag }),
    read: () => client.fetchQuery({ ...reportQuery(id, true), staleTime: 0 }),
    merge: mergeDrafts,
    put: setDraft,
    done: async () => {
      await Promise.all(["report", "reports"].map((key) => client.invalidateQueries({ queryKey: [key] })));
      done();
    },
  });
  return <Editor project={project} draft={draft} setDraft={setDraft} initial={{ title: edit.seen.report.title, blocks: edit.seen.blocks }} busy={edit.busy} error={edit.error} meanwhile={edit.meanwhile} onCancel={done} onSave={edit.save} />;
}

/** One report: what it shows, live or as it was pinned; or, when asked, its editor. */
export function ReportPage({ id }: { id: string }) {
  const [url] = useUrlState();
  const live = url.get("live") === "1";
  const query = useReport(id, live);
  if (!query.data) return <Page title="Report" trail={[["Projects", "/projects"]]}>{query.isError ? <ErrorNote error={query.error} retry={() => void query.refetch()} /> : <Loading rows={10} />}</Page>;
  const { report, content } = query.data;
  if (url.get("edit") === "1") return <Page title={report.title} trail={trailOf(report.project)}><Editing detail={query.data} /></Page>;
  return (
    <Page title={content.title} trail={trailOf(report.project)} badges={<StateOf report={report} />} actions={<Actions report={report} etag={query.data.etag} live={live} />}>
      <p className="byline muted">
        <IdChip id={report.id} label="report id" /> by <Name>{report.author}</Name> · edited <Time at={report.updated_at} /> by <Name>{report.updated_by}</Name> · values of <Time at={content.at} /> · digest <IdChip id={content.digest} label="digest" />
      </p>
      {live && report.pin && <p className="note">This is what it would show now; links go on showing what was pinned.</p>}
      <Parts content={content} />
      {content.parts.length === 0 && <p className="muted">Nothing is in it yet. <Link href={`/reports/${id}?edit=1`}>Edit it</Link>.</p>}
    </Page>
  );
}

/** A report that is not written yet, for chosen runs or a condition. */
export function NewReportPage() {
  const [url] = useUrlState();
  const [, navigate] = useLocation();
  const project = url.get("project") ?? "";
  const create = useCreate(project);
  const [initial] = useState(() => begun(url.getAll("run"), url.get("q") ?? "", url.getAll("metric")));
  const [draft, setDraft] = useState(initial);
  return (
    <Page title="New report" trail={trailOf(project)}>
      <Editor project={project} draft={draft} setDraft={setDraft} initial={initial} busy={create.isPending} error={create.error} onCancel={() => navigate(`/reports?project=${encodeURIComponent(project)}`)}
        onSave={(sent) => create.mutate(sent, { onSuccess: (made) => navigate(`/reports/${made.id}`) })} />
    </Page>
  );
}
