import { expect, it } from "vitest";

const modules: Record<string, string> = import.meta.glob("/node_modules/@mantine/core/esm/**/*.mjs", { eager: true, query: "?raw", import: "default" });
const sources: Record<string, string> = import.meta.glob("/src/**/*.tsx", { eager: true, query: "?raw", import: "default" });
const sheets: Record<string, string> = import.meta.glob("/src/ui/mantine.css", { eager: true, query: "?raw", import: "default" });
const MANTINE = "/node_modules/@mantine/core/esm/";

const resolved = (from: string, path: string): string => new URL(path, `file://${from}`).pathname;
const importsOf = (text: string) => [...text.matchAll(/import \{([^}]+)\} from "([^"]+)"/g)].map(([, names = "", path = ""]) => ({ names: names.split(",").map((name) => name.trim()), path }));

/** The style sheets that a Mantine module and all that it imports bring along. */
function stylesOf(file: string, seen: Set<string>): string[] {
  const text = modules[file];
  if (text === undefined || seen.has(file)) return [];
  seen.add(file);
  const own = /([^/]+)\.module\.mjs$/.exec(file)?.[1];
  const imported = [...text.matchAll(/from ?"(\.[^"]+)"/g)].flatMap(([, path = ""]) => stylesOf(resolved(file, path), seen));
  return own ? [own, ...imported] : imported;
}

it("loads the styles of all Mantine components in use, and of no others", () => {
  const files = new Map(importsOf(modules[`${MANTINE}index.mjs`] ?? "").flatMap(({ names, path }) => names.map((name) => [name, resolved(MANTINE, path)] as const)));
  const used = Object.values(sources).flatMap((text) => importsOf(text).filter(({ path }) => path === "@mantine/core").flatMap(({ names }) => names));
  const seen = new Set<string>();
  const needed = used.flatMap((name) => stylesOf(files.get(name) ?? "", seen));
  const loaded = [...Object.values(sheets).join().matchAll(/styles\/(\w+)\.layer\.css/g)].map(([, name]) => name);
  expect(needed.length).toBeGreaterThan(20);
  expect(loaded.toSorted()).toEqual([...new Set(needed), "baseline", "global"].toSorted());
});
