import { keepPreviousData, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api } from "@/api/client";
import { fileName, saveText } from "@/ui/save";
import type { Draft } from "./blocks";

/** The reports of a project and those below it. */
export const useReports = (project: string) =>
  useQuery({ queryKey: ["reports", project], queryFn: ({ signal }) => api.get("/api/v1/projects/{project}/reports", { path: { project }, signal }), enabled: project !== "" });

/** A report with what it shows; with `live` a pinned one as it would be now. */
export const reportQuery = (id: string, live: boolean) => ({
  queryKey: ["report", id, live],
  queryFn: ({ signal }: { signal: AbortSignal }) => api.get("/api/v1/reports/{report_id}", { path: { report_id: id }, query: { live }, signal }),
});
export const useReport = (id: string, live: boolean) => useQuery({ ...reportQuery(id, live), placeholderData: keepPreviousData });

/** What a draft would show. */
export const usePreview = (project: string, draft: Draft) =>
  useQuery({
    queryKey: ["preview", project, draft],
    queryFn: ({ signal }) => api.post("/api/v1/report-previews", { body: { project, title: draft.title, blocks: draft.blocks }, signal }),
    placeholderData: keepPreviousData,
    retry: false,
    gcTime: 0,
  });

/** The keys that a project's runs have. */
export const useKeys = (project: string) =>
  useQuery({ queryKey: ["keys", project], queryFn: ({ signal }) => api.get("/api/v1/projects/{project}/keys", { path: { project }, signal }), staleTime: 60_000, enabled: project !== "" });

/** The links of a report; only maintainers see them. */
export const useLinks = (id: string, wanted: boolean) =>
  useQuery({ queryKey: ["report", id, "links"], queryFn: ({ signal }) => api.get("/api/v1/reports/{report_id}/links", { path: { report_id: id }, signal }), enabled: wanted, retry: false });

function useChange<T, R>(mutationFn: (what: T) => Promise<R>) {
  const client = useQueryClient();
  return useMutation({
    mutationFn,
    // After a refusal too: what somebody else changed meanwhile is to be seen before it is tried again.
    // It is pending until that is read: the next change is made from it.
    onSettled: () => Promise.all(["report", "reports"].map((key) => client.invalidateQueries({ queryKey: [key] }))),
  });
}

/** Writes a report. */
export const useCreate = (project: string) => useChange((draft: Draft) => api.post("/api/v1/reports", { body: { project, ...draft } }));

/** Keeps what a report shows, or lets it show the present again. */
export const usePin = (id: string, etag: string) => useChange((pinned: boolean) => api.put("/api/v1/reports/{report_id}/pin", { path: { report_id: id }, body: { pinned }, match: etag }));

/** Puts a report out of sight, or brings it back. */
export const useDelete = (id: string, etag: string) => useChange(() => api.delete("/api/v1/reports/{report_id}", { path: { report_id: id }, match: etag }));
export const useRestore = () => useChange((id: string) => api.post("/api/v1/deleted-reports/{deleted_report_id}/restore", { path: { deleted_report_id: id } }));

/** Makes a link, or ends one. */
export const useShare = (id: string) => useChange((days: number) => api.post("/api/v1/reports/{report_id}/links", { path: { report_id: id }, body: { days } }));
export const useRevoke = () => useChange((id: string) => api.delete("/api/v1/report-links/{report_link_id}", { path: { report_link_id: id } }));

/** The report as one HTML document, saved as a file. */
export async function download(id: string, title: string): Promise<void> {
  const html = await api.get("/api/v1/reports/{report_id}/page", { path: { report_id: id } });
  saveText(`${fileName(title, "report")}.html`, html, "text/html");
}
