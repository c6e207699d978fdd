import { useQuery } from "@tanstack/react-query";
import { Redirect } from "wouter";
import { api } from "@/api/client";
import { Page } from "@/ui/Page";
import { Loaded } from "@/ui/states";

/** An experiment is its runs, so its address leads to the project's table with only those. */
export default function ExperimentPage({ id }: { id: string }) {
  const query = useQuery({
    queryKey: ["experiment", id],
    queryFn: ({ signal }) => api.get("/api/v1/experiments/{experiment_id}", { path: { experiment_id: id }, signal }),
  });
  return (
    <Page title="Experiment" trail={[["Projects", "/projects"]]}>
      <Loaded query={query}>
        {({ project, name }) => <Redirect to={`/projects/${project}?q=${encodeURIComponent(`experiment = ${JSON.stringify(name)}`)}`} replace />}
      </Loaded>
    </Page>
  );
}
