import { Button, Popover, TextInput } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "wouter";
import { api } from "@/api/client";
import { Name } from "@/ui/bits";
import { ErrorNote } from "@/ui/states";

export interface Shown {
  where: string;
  sort: string;
  columns: string[];
  group: string;
}

/** The project's saved views, and a place to save what is shown now under a name. A view is shared by its link. */
export function ViewsMenu({ project, shown }: { project: string; shown: Shown }) {
  const [name, setName] = useState("");
  const client = useQueryClient();
  const queryKey = ["runs", "layout", project];
  const layout = useQuery({ queryKey, queryFn: ({ signal }) => api.get("/api/v1/projects/{project}/layout", { path: { project }, signal }), staleTime: 60_000 });
  const refresh = () => client.invalidateQueries({ queryKey });
  const save = useMutation({ mutationFn: () => api.post("/api/v1/views", { body: { project, name, ...shown } }), onSuccess: () => { setName(""); void refresh(); } });
  const remove = useMutation({ mutationFn: (id: string) => api.delete("/api/v1/views/{view_id}", { path: { view_id: id } }), onSuccess: refresh });
  const views = layout.data?.views ?? [];
  return (
    <Popover position="bottom-end" width={320} shadow="none" trapFocus>
      <Popover.Target><Button variant="default">Views</Button></Popover.Target>
      <Popover.Dropdown aria-label="Saved views">
        {views.length === 0 && <p className="muted small">No view is saved yet. A saved view has a link of its own.</p>}
        <ul className="chosen">
          {views.map((view) => (
            <li key={view.id}>
              <Link href={`/views/${view.id}`}><Name title={view.where}>{view.name}</Name></Link>
              <span className="muted small"><Name>{view.author}</Name></span>
              <button type="button" className="clear" aria-label={`Delete the view ${view.name}`} onClick={() => remove.mutate(view.id)}>×</button>
            </li>
          ))}
        </ul>
        <form className="save-view" onSubmit={(event) => { event.preventDefault(); save.mutate(); }}>
          <TextInput placeholder="Name for what is shown now" aria-label="Name of the view" value={name} onChange={(event) => setName(event.currentTarget.value)} />
          <Button type="submit" disabled={!name.trim() || save.isPending}>Save</Button>
        </form>
        {save.isError && <ErrorNote error={save.error} />}
        {remove.isError && <ErrorNote error={remove.error} />}
      </Popover.Dropdown>
    </Popover>
  );
}
