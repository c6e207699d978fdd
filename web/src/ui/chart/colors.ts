/** How many colours of the series palette there are (tokens.css: --rw-s0 and on). */
export const COLORS = 8;

export interface Look {
  color: number;
  /** 0 for a solid line; more where another line of the picture has the same colour. */
  dash: number;
}

const given = new Map<string, number>();

/** A number that depends on the id alone, so that a run has its colour for everybody and after a reload. */
function own(id: string): number {
  let hash = 2166136261;
  for (let i = 0; i < id.length; i += 1) hash = Math.imul(hash ^ id.charCodeAt(i), 16777619);
  return (hash >>> 0) % COLORS;
}

/** The run's own colour, or the nearest one that is free in this picture. */
function fresh(id: string, taken: Set<number>): number {
  for (let i = 0; i < COLORS; i += 1) {
    const color = (own(id) + i) % COLORS;
    if (!taken.has(color)) return color;
  }
  return own(id);
}

/** How each run is drawn. A run keeps its colour on every page; two of one colour in a picture differ by their dashes. */
export function looksOf(ids: string[]): Map<string, Look> {
  const looks = new Map<string, Look>();
  const taken = new Set(ids.map((id) => given.get(id)).filter((color) => color !== undefined));
  const dashes = Array<number>(COLORS).fill(0);
  for (const id of ids) {
    const color = given.get(id) ?? fresh(id, taken);
    given.set(id, color);
    taken.add(color);
    looks.set(id, { color, dash: dashes[color] ?? 0 });
    dashes[color] = (dashes[color] ?? 0) + 1;
  }
  return looks;
}

/** The look of a run in a table, where every row has one: what pictures gave it, else its own. */
export const lookOf = (id: string): Look => ({ color: given.get(id) ?? own(id), dash: 0 });

/** The CSS colour of a place in the palette. */
export const cssColor = (index: number): string => `var(--rw-s${index % COLORS})`;
