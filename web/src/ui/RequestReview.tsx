import { Button, Modal, Textarea, TextInput } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { useLocation } from "wouter";
import { api } from "@/api/client";
import { ErrorNote } from "@/ui/states";

interface Promotion {
  model: string;
  version: number;
  /** Proposed. */
  alias: string;
}

interface Asked {
  run: { id: string; name: string };
  /** Further runs of the same result. */
  also?: string[];
  /** Of the version that the run made, instead of the run itself. */
  promotion?: Promotion;
  opened: boolean;
  close: () => void;
}

/** Asks for a review of exactly this content of a run, or of the version of a model that it made. */
export function RequestReview({ run, also = [], promotion, opened, close }: Asked) {
  const [alias, setAlias] = useState(promotion?.alias ?? "");
  const [title, setTitle] = useState("");
  const [description, setDescription] = useState("");
  const [reviewers, setReviewers] = useState("");
  const [, navigate] = useLocation();
  const client = useQueryClient();
  const request = useMutation({
    mutationFn: () =>
      api.post("/api/v1/reviews", {
        body: { run_id: run.id, also, title, description, reviewers: reviewers.split(/[\s,]+/).filter(Boolean), ...(promotion && { model: promotion.model, version: promotion.version, alias }) },
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
        <p className="muted">{also.length > 0
          ? `${also.length + 1} runs are reviewed as one result, which is as good as the worst of them. `
          : ""}The review is bound to the present content of {also.length > 0 ? "each" : "the run"}: code, parameters, metrics, artifacts. Its checks run at once.</p>
        {promotion && <TextInput data-autofocus required label="Alias" description={`It points at version ${promotion.version} as soon as the review is applied.`} value={alias} onChange={(event) => setAlias(event.currentTarget.value)} />}
        <TextInput data-autofocus={!promotion || undefined} label="Title" placeholder={promotion ? `${promotion.model} ${promotion.version} as ${alias}` : run.name} value={title} onChange={(event) => setTitle(event.currentTarget.value)} />
        <Textarea label="What should the reviewers know?" autosize minRows={3} value={description} onChange={(event) => setDescription(event.currentTarget.value)} />
        <TextInput label="Reviewers" description="Names, separated by commas. Empty: everybody who may approve." value={reviewers}
          onChange={(event) => setReviewers(event.currentTarget.value)} />
        {request.isError && <ErrorNote error={request.error} />}
        <Button type="submit" loading={request.isPending}>Request review</Button>
      </form>
    </Modal>
  );
}
