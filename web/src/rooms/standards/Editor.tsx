import { Button, Checkbox, Select, Switch, Textarea, TextInput } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useRef, useState } from "react";
import { useLocation } from "wouter";
import { api, ApiError } from "@/api/client";
import { MeanwhileNote, useEdit } from "@/ui/edits";
import { ErrorNote } from "@/ui/states";
import { type Draft, draftOf, fieldsOf, mergeDraft, type Seen } from "./drafts";
import { fromDraft, wordsOf } from "./fields";
import { inForceQuery, ownFields, versionsQuery } from "./queries";

type Errors = Record<string, string>;
interface Sent {
  values: Record<string, unknown>;
  review: boolean;
  draft: Draft;
}

function Input({ field, draft, present, error, onChange }: { field: string; draft: string | boolean; present: unknown; error?: string; onChange: (draft: string | boolean) => void }) {
  const { label, about, choices } = wordsOf(field);
  const shared = { label, description: about, error, id: `field-${field}`, inputWrapperOrder: ["label", "description", "error", "input"] as ("label" | "description" | "error" | "input")[] };
  if (typeof draft === "boolean") {
    return <Switch id={shared.id} label={label} description={about} error={error} checked={draft} onChange={(event) => onChange(event.currentTarget.checked)} />;
  }
  if (choices) {
    return <Select {...shared} allowDeselect={false} data={choices.map((value) => ({ value, label: value || "none" }))} value={draft} onChange={(value) => onChange(value ?? "")} />;
  }
  if (typeof present === "number" || (typeof present === "string" && field !== "release_process")) {
    return <TextInput {...shared} inputMode={typeof present === "number" ? "decimal" : undefined} value={draft} onChange={(event) => onChange(event.currentTarget.value)} />;
  }
  return <Textarea {...shared} className={typeof present === "string" ? undefined : "mono-field"} autosize minRows={1} maxRows={14} spellCheck={false} value={draft} onChange={(event) => onChange(event.currentTarget.value)} />;
}

/** Which field an error of the server is about: its details say, else the message begins with it. */
function fieldOf(error: unknown, fields: string[]): string {
  if (!(error instanceof ApiError)) return "";
  const named = String(error.details.field ?? "");
  return fields.includes(named) ? named : (fields.find((field) => error.message.startsWith(field)) ?? "");
}

/** Everything a project can say itself; what is not ticked is left to the projects above. */
export function Editor({ found, own, close }: Seen & { close: () => void }) {
  const [draft, setDraft] = useState(() => draftOf({ found, own }));
  const { drafts, said } = draft;
  const [errors, setErrors] = useState<Errors>({});
  const [reviewed, setReviewed] = useState(false);
  const form = useRef<HTMLFormElement>(null);
  const [, navigate] = useLocation();
  const client = useQueryClient();
  const show = (next: Errors) => {
    setErrors(next);
    const first = fields.find((field) => next[field]);
    if (first) window.setTimeout(() => form.current?.querySelector<HTMLElement>(`#field-${first}`)?.focus());
  };
  const read = async (): Promise<Seen> => {
    const [present, versions] = await Promise.all([client.fetchQuery({ ...inForceQuery(found.project), staleTime: 0 }), client.fetchQuery({ ...versionsQuery(found.project), staleTime: 0 })]);
    return { found: present, own: ownFields(versions[0]) };
  };
  const edit = useEdit({ found, own }, {
    save: async (sent: Sent, seen: Seen): Promise<string> => {
      const change = { values: sent.values, leave: Object.keys(seen.own).filter((field) => !sent.draft.said.has(field)), start: -1 };
      const path = { project: found.project };
      const match = seen.found.etag;
      if (sent.review) return (await api.post("/api/v1/projects/{project}/standards/proposals", { path, body: { edit: change }, match })).review.id;
      await api.patch("/api/v1/projects/{project}/standards", { path, body: change, match });
      return "";
    },
    read,
    merge: (was, sent, newest) => {
      const merged = mergeDraft(draftOf(was), sent.draft, draftOf(newest));
      return { ...merged, draft: { ...sent, draft: merged.draft } };
    },
    put: (merged) => setDraft(merged.draft),
    done: (proposed) => {
      void client.invalidateQueries({ queryKey: [proposed ? "reviews" : "standards"] });
      if (proposed) navigate(`/reviews/${proposed}`);
      else close();
    },
  });
  const byReview = edit.seen.found.standards.change_by_review === true;
  const present = edit.seen.found.standards as unknown as Record<string, unknown>;
  const fields = fieldsOf(edit.seen.found);
  const showRefusal = (error: unknown) => {
    const field = fieldOf(error, fields);
    if (field && error instanceof ApiError) show({ [field]: error.hint ? `${error.message}. ${error.hint}` : error.message });
  };
  const submit = (review: boolean) => {
    const values: Record<string, unknown> = {};
    const wrong: Errors = {};
    for (const field of fields.filter((name) => said.has(name))) {
      try {
        values[field] = fromDraft(field, drafts[field] ?? "", present[field]);
      } catch (error) {
        wrong[field] = error instanceof Error ? error.message : String(error);
      }
    }
    show(wrong);
    if (Object.keys(wrong).length === 0) {
      setReviewed(review);
      edit.save({ values, review, draft }, { onError: showRefusal });
    }
  };
  const toggle = (field: string) => setDraft({ drafts, said: new Set(said.has(field) ? [...said].filter((name) => name !== field) : [...said, field]) });
  const change = (field: string) => (text: string | boolean) => {
    setDraft({ drafts: { ...drafts, [field]: text }, said: new Set([...said, field]) });
    setErrors((was) => ({ ...was, [field]: "" }));
  };
  return (
    <form ref={form} className="standards-form" onSubmit={(event) => { event.preventDefault(); submit(byReview); }} noValidate aria-label="Edit standards">
      <p className="muted">Ticked: {found.project} says it itself. Not ticked: it has what the projects above say. {byReview ? "These standards change only by a review." : "Saving makes a new version."}</p>
      {fields.map((field) => (
        <div key={field} className={said.has(field) ? "standards-field" : "standards-field standards-left"}>
          <Checkbox size="xs" checked={said.has(field)} onChange={() => toggle(field)} aria-label={`${wordsOf(field).label}: said here`} title="Said here" />
          <Input field={field} draft={drafts[field] ?? ""} present={present[field]} error={errors[field] || undefined} onChange={change(field)} />
        </div>
      ))}
      <MeanwhileNote meanwhile={edit.meanwhile} />
      {edit.error && !fieldOf(edit.error, fields) && <ErrorNote error={edit.error} />}
      <div className="toolbar standards-save">
        {!byReview && <Button type="submit" loading={edit.busy && !reviewed}>Save as a new version</Button>}
        <Button variant={byReview ? undefined : "default"} type={byReview ? "submit" : "button"} loading={edit.busy && reviewed} onClick={byReview ? undefined : () => submit(true)}>Propose for review</Button>
        <Button variant="default" onClick={close}>Cancel</Button>
      </div>
    </form>
  );
}
