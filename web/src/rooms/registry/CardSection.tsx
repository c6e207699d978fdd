import { Button, Textarea } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { api } from "@/api/client";
import type { ModelCard } from "@/api/types";
import { Name, Section, Time } from "@/ui/bits";
import { Markdown } from "@/ui/Markdown";
import { ErrorNote, Loaded } from "@/ui/states";
import { cardQuery } from "./models";
import { bodyOf, wordsOf } from "./card";

function Write({ card, close }: { card: ModelCard; close: () => void }) {
  const [fields, setFields] = useState<Record<string, string>>({});
  const client = useQueryClient();
  const save = useMutation({
    mutationFn: () => api.put("/api/v1/models/{model}/versions/{version}/card", { path: { model: card.model, version: card.version }, body: { fields, expected: card.number } }),
    onSuccess: () => {
      void client.invalidateQueries({ queryKey: ["models", card.model, "versions", card.version] });
      close();
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    save.mutate();
  };
  return (
    <form className="stack" onSubmit={submit}>
      {card.asked.map(({ key, title, template, required }, i) => (
        <Textarea key={key} data-autofocus={i === 0 || undefined} autosize minRows={1} maxRows={16} withAsterisk={required} label={title || wordsOf(key)} description={template}
          value={fields[key] ?? card.fields[key] ?? ""} onChange={({ currentTarget: { value } }) => setFields((before) => ({ ...before, [key]: value }))} />
      ))}
      {save.isError && <ErrorNote error={save.error} />}
      <div className="toolbar"><Button type="submit" loading={save.isPending}>Save the card</Button><Button variant="default" onClick={close}>Leave it</Button></div>
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
