import { Button, Textarea } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "@/api/client";
import type { RunDetail } from "@/api/types";
import { Name, Section, Time } from "@/ui/bits";
import { Markdown } from "@/ui/Markdown";
import { ErrorNote, Loading } from "@/ui/states";

/** What has been said about a run, and a place to say more. */
export default function DiscussionTab({ detail: { run } }: { detail: RunDetail }) {
  const [body, setBody] = useState("");
  const client = useQueryClient();
  const queryKey = ["run", run.id, "comments"];
  const path = { run_id: run.id };
  const said = useQuery({ queryKey, queryFn: ({ signal }) => api.get("/api/v1/runs/{run_id}/comments", { path, signal }) });
  const write = useMutation({
    mutationFn: () => api.post("/api/v1/runs/{run_id}/comments", { path, body: { body } }),
    onSuccess: () => {
      setBody("");
      void client.invalidateQueries({ queryKey });
    },
  });
  if (said.isError) return <ErrorNote error={said.error} retry={() => void said.refetch()} />;
  if (!said.data) return <Loading />;
  return (
    <Section title="Discussion">
      {said.data.length === 0 && <p className="muted">Nobody has said anything yet.</p>}
      <ol className="conversation">
        {said.data.map((comment) => (
          <li key={comment.id}>
            <p className="said">
              <strong><Name>{comment.author}</Name></strong> {comment.anchor?.key && <code className="small">{comment.anchor.key}{comment.anchor.step == null ? "" : ` at step ${comment.anchor.step}`}</code>}{" "}
              <span className="muted small"><Time at={comment.at} />{comment.version > 1 && !comment.removed && " · edited"}</span>
            </p>
            {comment.removed ? <p className="muted">This comment was removed.</p> : <Markdown text={comment.body} />}
          </li>
        ))}
      </ol>
      <form onSubmit={(event) => { event.preventDefault(); write.mutate(); }}>
        <Textarea label="Comment" description="Markdown; @name tells a member." autosize minRows={3} value={body} onChange={(event) => setBody(event.currentTarget.value)} />
        {write.isError && <ErrorNote error={write.error} />}
        <Button type="submit" mt="xs" disabled={!body.trim() || write.isPending}>Write comment</Button>
      </form>
    </Section>
  );
}
