import { Button, Modal, Textarea, TextInput } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { useLocation } from "wouter";
import { api } from "@/api/client";
import type { Run } from "@/api/types";
import { ErrorNote } from "@/ui/states";

/** Asks for a review of exactly this content of a run. */
export function RequestReview({ run, opened, close }: { run: Run; opened: boolean; close: () => void }) {
  const [title, setTitle] = useState("");
  const [description, setDescription] = useState("");
  const [reviewers, setReviewers] = useState("");
  const [, navigate] = useLocation();
  const client = useQueryClient();
  const request = useMutation({
    mutationFn: () =>
      api.post("/api/v1/reviews", {
        body: { run_id: run.id, title, description, reviewers: reviewers.split(/[\s,]+/).filter(Boolean) },
      }),
    onSuccess: (detail) => {
      void client.invalidateQueries({ queryKey: ["reviews"] });
      navigate(`/reviews/${detail.review.id}`);
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    request.mutate();
  };
  return (
    <Modal opened={opened} onClose={close} title="Request a review" closeButtonProps={{ "aria-label": "Close" }}>
      <form className="stack" onSubmit={submit}>
        <p className="muted">The review is bound to the run’s present content: code, parameters, metrics, artifacts. Its checks run at once.</p>
        <TextInput data-autofocus label="Title" placeholder={run.name} value={title} onChange={(event) => setTitle(event.currentTarget.value)} />
        <Textarea label="What should the reviewers know?" autosize minRows={3} value={description} onChange={(event) => setDescription(event.currentTarget.value)} />
        <TextInput label="Reviewers" description="Names, separated by commas. Empty: everybody who may approve." value={reviewers}
          onChange={(event) => setReviewers(event.currentTarget.value)} />
        {request.isError && <ErrorNote error={request.error} />}
        <Button type="submit" loading={request.isPending}>Request review</Button>
      </form>
    </Modal>
  );
}
