import { Modal, TextInput, useMantineColorScheme } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { type KeyboardEvent, useState } from "react";
import { useLocation } from "wouter";
import { api } from "@/api/client";
import { projectsQuery, searchQuery } from "@/api/queries";
import { hrefOf } from "@/ui/links";
import { ADMIN, PLACES } from "./nav";

/** An id, the beginning of one, or the newest run. */
const LIKE_AN_ID = /^(@last|[a-z][0-9a-z]{3,11})$/;

interface Choice {
  key: string;
  group: string;
  label: string;
  go: () => void;
}

const matches = (text: string, wanted: string) => text.toLowerCase().includes(wanted.toLowerCase());

function useChoices(text: string, go: (href: string) => void): Choice[] {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const [wanted] = useDebouncedValue(text.trim(), 150);
  const projects = useQuery(projectsQuery());
  const found = useQuery({ ...searchQuery(wanted, 8), enabled: wanted.length > 1 });
  const run = useQuery({
    queryKey: ["run-ref", wanted],
    queryFn: ({ signal }) => api.get("/api/v1/run-refs", { query: { ref: wanted }, signal }),
    enabled: LIKE_AN_ID.test(wanted),
    retry: false,
  });
  const link = (group: string, label: string, href: string): Choice => ({ key: `${group}${href}`, group, label, go: () => go(href) });
  const pages = [...PLACES, ADMIN, { label: "What the badges mean", href: "/legend" }]
    .filter((place) => matches(place.label, text))
    .map((place) => link("Go to", place.label, place.href));
  const inProjects = (projects.data ?? [])
    .filter((project) => matches(project.path, text))
    .slice(0, 6)
    .map((project) => link("Projects", project.path, `/projects/${project.path}`));
  const dark = colorScheme !== "dark";
  const actions = [{ key: "theme", group: "Do", label: `Toggle theme: ${dark ? "dark" : "light"}`, go: () => setColorScheme(dark ? "dark" : "light") }]
    .filter((action) => matches(action.label, text));
  const runs = run.data ? [link("Runs", `${run.data.name} · ${run.data.project}`, `/runs/${run.data.id}`)] : [];
  const hits = (found.data?.hits ?? [])
    .filter((hit) => hit.id !== run.data?.id)
    .map((hit) => link("Found", `${hit.title} · ${hit.kind}`, hrefOf(hit.kind, hit.id)));
  const all = wanted ? [link("Search", `Search everything for “${wanted}”`, `/knowledge?q=${encodeURIComponent(wanted)}`)] : [];
  return [...pages, ...inProjects, ...runs, ...hits, ...actions, ...all];
}

/** Ctrl-K: go to, do, search. */
export function Palette({ opened, close }: { opened: boolean; close: () => void }) {
  return (
    <Modal.Root opened={opened} onClose={close} centered={false} yOffset="12vh" size="lg" padding={0} transitionProps={{ duration: 0 }}>
      <Modal.Overlay backgroundOpacity={0.4} />
      <Modal.Content aria-label="Go to, do, search">{opened && <PaletteBody close={close} />}</Modal.Content>
    </Modal.Root>
  );
}

function PaletteBody({ close }: { close: () => void }) {
  const [, navigate] = useLocation();
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const choices = useChoices(text, navigate);
  const current = Math.min(at, choices.length - 1);
  const pick = (choice: Choice | undefined) => {
    if (!choice) return;
    close();
    choice.go();
  };
  const onKey = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && choices.length) setAt((current + step + choices.length) % choices.length);
    else if (event.key === "Enter") pick(choices[current]);
    else return;
    event.preventDefault();
  };
  return (
    <div className="palette">
      <TextInput data-autofocus size="md" variant="unstyled" placeholder="Go to, do, search…" value={text} onKeyDown={onKey}
        onChange={(event) => { setText(event.currentTarget.value); setAt(0); }}
        role="combobox" aria-label="Go to, do, search" aria-expanded="true" aria-controls="palette-list" aria-activedescendant={`choice-${current}`} />
      <div role="listbox" id="palette-list" aria-label="Choices" className="palette-list">
        {choices.map((choice, i) => (
          // eslint-disable-next-line jsx-a11y/click-events-have-key-events, jsx-a11y/interactive-supports-focus -- the field above has the focus and the keys, as a combobox asks
          <div key={choice.key} id={`choice-${i}`} role="option" aria-selected={i === current} className="palette-choice" onClick={() => pick(choice)}
            ref={(node) => { if (i === current) node?.scrollIntoView({ block: "nearest" }); }}>
            <span className="muted small">{choice.group}</span><bdi>{choice.label}</bdi>
          </div>
        ))}
        {choices.length === 0 && <p className="muted palette-none">Nothing fits “{text}”.</p>}
      </div>
    </div>
  );
}
