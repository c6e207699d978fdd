import { Button, Textarea } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { api, type Tagged } from "@/api/client";
import type { ModelCard } from "@/api/types";
import { Name, Section, Time } from "@/ui/bits";
import { MeanwhileNote, useEdit } from "@/ui/edits";
import { Markdown } from "@/ui/Markdown";
import { hasMarks, type Merged, mergeText } from "@/ui/merge";
import { ErrorNote, Loaded } from "@/ui/states";
import { cardQuery } from "./models";
import { bodyOf, wordsOf } from "./card";

type Fields = Record<string, string>;

/** One's own fields on top of a card that somebody else wrote meanwhile; a text that both changed is merged line by line. */
function mergeFields(was: ModelCard, mine: Fields, newest: ModelCard): Merged<Fields> {
  const conflicts: string[] = [];
  const draft = Object.fromEntries(Object.entries(mine).map(([key, text]) => {
    const found = mergeText(was.fields[key] ?? "", text, newest.fields[key] ?? "", newest.author);
    if (found.conflicts) conflicts.push(newest.asked.find((field) => field.key === key)?.title || wordsOf(key));
    return [key, found.text];
  }));
  return { draft, conflicts };
}

function Write({ card, close }: { card: Tagged<ModelCard>; close: () => void }) {
  const [fields, setFields] = useState<Fields>({});
  const client = useQueryClient();
  const edit = useEdit(card, {
    save: (draft: Fields, { model, version, etag }) => api.put("/api/v1/models/{model}/versions/{version}/card", { path: { model, version }, body: { fields: draft }, match: etag }),
    read: () => client.fetchQuery({ ...cardQuery(card.model, card.version), staleTime: 0 }),
    merge: mergeFields,
    put: setFields,
    done: async () => {
      await client.invalidateQueries({ queryKey: ["models", card.model, "versions", card.version] });
      close();
    },
  });
  const marked = Object.values(fields).some(hasMarks);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    edit.save(fields);
  };
  return (
    <form className="stack" onSubmit={submit}>
      {edit.seen.asked.map(({ key, title, template, required }, i) => (
        <Textarea key={key} data-autofocus={i === 0 || undefined} autosize minRows={1} maxRows={16} withAsterisk={required} label={title || wordsOf(key)} description={template}
          value={fields[key] ?? edit.seen.fields[key] ?? ""} onChange={({ currentTarget: { value } }) => setFields((before) => ({ ...before, [key]: value }))} />
      ))}
      <MeanwhileNote meanwhile={edit.meanwhile} />
      {edit.error && <ErrorNote error={edit.error} />}
      <div className="toolbar"><Button type="submit" loading={edit.busy} disabled={marked}>Save the card</Button><Button variant="default" onClick={close}>Leave it</Button></div>
    </form>
  );
}

function Missing({ card }: { card: ModelCard }) {
  if (card.missing.length === 0) return null;
  const titles = card.asked.filter(({ key }) => card.missing.includes(key)).map(({ key, title }) => title || wordsOf(key));
  return <p className="note tone-amber">Missing: {titles.join(", ")}. What is empty or still the template’s text counts as missing.</p>;
}

/** A version's card, and the form to write it. */
export function CardSection({ model, version }: { model: string; version: number }) {
  const query = useQuery(cardQuery(model, version));
  const [writes, setWrites] = useState(false);
  return (
    <Section title="Model card" aside={query.data && !writes && <Button variant="default" size="compact-xs" onClick={() => setWrites(true)}>{query.data.number ? "Change" : "Write it"}</Button>}>
      <Loaded query={query} rows={4}>
        {(card) => writes ? <Write card={card} close={() => setWrites(false)} /> : (
          <>
            <Missing card={card} />
            {card.number > 0 && <p className="muted small">Written {card.number === 1 ? "once" : `${card.number} times`}, last by <Name>{card.author}</Name> <Time at={card.at} />.</p>}
            <div className="model-card"><Markdown text={bodyOf(card.markdown)} /></div>
          </>
        )}
      </Loaded>
    </Section>
  );
}
