import { Button, Checkbox, Select, Switch, Textarea, TextInput } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useRef, useState } from "react";
import { useLocation } from "wouter";
import { api, ApiError } from "@/api/client";
import type { StandardsInForce } from "@/api/types";
import { ErrorNote } from "@/ui/states";
import { fromDraft, toDraft, WORDS, wordsOf } from "./fields";

type Drafts = Record<string, string | boolean>;
type Errors = Record<string, string>;

const KNOWN = Object.keys(WORDS);
/** Fields in the order of the page; those that this page does not know come last. */
const ordered = (fields: string[]) => [...KNOWN.filter((name) => fields.includes(name)), ...fields.filter((name) => !KNOWN.includes(name))];

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

/** What a field's draft begins with: a mapping only adds to what is said above, so it begins with what is said here. */
const startOf = (field: string, own: Record<string, unknown>, present: Record<string, unknown>) =>
  field in own ? own[field] : field === "default_hyperparameters" ? {} : present[field];

/** Everything a project can say itself; what is not ticked is left to the projects above. */
export function Editor({ found, own: before, close }: { found: StandardsInForce; own: Record<string, unknown>; close: () => void }) {
  const present = found.standards as unknown as Record<string, unknown>;
  const own = Object.keys(before);
  const fields = ordered(Object.keys(present).filter((name) => name !== "inherits"));
  const start = Object.fromEntries(fields.map((field) => [field, toDraft(field, startOf(field, before, present))]));
  const [drafts, setDrafts] = useState<Drafts>(start);
  const [said, setSaid] = useState(() => new Set(own));
  const [errors, setErrors] = useState<Errors>({});
  const form = useRef<HTMLFormElement>(null);
  const [, navigate] = useLocation();
  const byReview = found.standards.change_by_review === true;
  const client = useQueryClient();
  const show = (next: Errors) => {
    setErrors(next);
    const first = fields.find((field) => next[field]);
    if (first) window.setTimeout(() => form.current?.querySelector<HTMLElement>(`#field-${first}`)?.focus());
  };
  const save = useMutation({
    mutationFn: async ({ values, review }: { values: Record<string, unknown>; review: boolean }) => {
      const edit = { values, leave: own.filter((field) => !said.has(field)), start: -1, expected: found.version };
      const path = { project: found.project };
      if (!review) return void (await api.patch("/api/v1/projects/{project}/standards", { path, body: edit }));
      return (await api.post("/api/v1/projects/{project}/standards/proposals", { path, body: { edit } })).review.id;
    },
    onSuccess: async (proposed) => {
      await client.invalidateQueries({ queryKey: [proposed ? "reviews" : "standards"] });
      if (proposed) navigate(`/reviews/${proposed}`);
      else close();
    },
    onError: (error) => {
      const field = fieldOf(error, fields);
      if (field && error instanceof ApiError) show({ [field]: error.hint ? `${error.message}. ${error.hint}` : error.message });
    },
  });
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
    if (Object.keys(wrong).length === 0) save.mutate({ values, review });
  };
  const toggle = (field: string) => setSaid((was) => new Set(was.has(field) ? [...was].filter((name) => name !== field) : [...was, field]));
  const change = (field: string) => (draft: string | boolean) => {
    setDrafts((was) => ({ ...was, [field]: draft }));
    setSaid((was) => new Set([...was, field]));
    setErrors((was) => ({ ...was, [field]: "" }));
  };
  const elsewhere = save.isError && !fieldOf(save.error, fields);
  return (
    <form ref={form} className="standards-form" onSubmit={(event) => { event.preventDefault(); submit(byReview); }} noValidate aria-label="Edit standards">
      <p className="muted">Ticked: {found.project} says it itself. Not ticked: it has what the projects above say. {byReview ? "These standards change only by a review." : "Saving makes a new version."}</p>
      {fields.map((field) => (
        <div key={field} className={said.has(field) ? "standards-field" : "standards-field standards-left"}>
          <Checkbox size="xs" checked={said.has(field)} onChange={() => toggle(field)} aria-label={`${wordsOf(field).label}: said here`} title="Said here" />
          <Input field={field} draft={drafts[field] ?? ""} present={present[field]} error={errors[field] || undefined} onChange={change(field)} />
        </div>
      ))}
      {elsewhere && <ErrorNote error={save.error} />}
      <div className="toolbar standards-save">
        {!byReview && <Button type="submit" loading={save.isPending && !save.variables?.review}>Save as a new version</Button>}
        <Button variant={byReview ? undefined : "default"} type={byReview ? "submit" : "button"} loading={save.isPending && save.variables?.review} onClick={byReview ? undefined : () => submit(true)}>Propose for review</Button>
        <Button variant="default" onClick={close}>Cancel</Button>
      </div>
    </form>
  );
}
