import { useQuery } from "@tanstack/react-query";
import { Redirect } from "wouter";
import { api } from "@/api/client";
import { Page } from "@/ui/Page";
import { ErrorNote, Loading } from "@/ui/states";
import { changed } from "@/ui/urlState";
import { writtenColumns } from "./fields";

/** A saved view: opens its project's list as it was saved. */
export default function ViewPage({ id }: { id: string }) {
  const view = useQuery({
    queryKey: ["view", id],
    queryFn: ({ signal }) => api.get("/api/v1/views/{view_id}", { path: { view_id: id }, signal }),
  });
  if (!view.data) {
    return <Page title="Saved view" trail={[["Projects", "/projects"]]}>{view.isError ? <ErrorNote error={view.error} retry={() => void view.refetch()} /> : <Loading />}</Page>;
  }
  const { project, where, sort, columns, group } = view.data;
  const state = changed("", { q: where, sort, cols: writtenColumns(columns), group });
  return <Redirect to={`/projects/${project}${state && `?${state}`}`} replace />;
}
