/** How many colours of the series palette there are (tokens.css: --rw-s0 and on). */
export const COLORS = 8;

export interface Look {
  color: number;
  /** 0 for a solid line; more where another line of the picture has the same colour. */
  dash: number;
}

const given = new Map<string, number>();

function fresh(ids: string[]): number {
  const uses = (color: number, among: Iterable<string>) => [...among].filter((id) => given.get(id) === color).length;
  const all = Array.from({ length: COLORS }, (_, color) => ({ color, here: uses(color, ids), ever: uses(color, given.keys()) }));
  return all.sort((a, b) => a.here - b.here || a.ever - b.ever || a.color - b.color)[0]?.color ?? 0;
}

/** How each run is drawn. A run keeps its colour on every page; two of one colour in a picture differ by their dashes. */
export function looksOf(ids: string[]): Map<string, Look> {
  const looks = new Map<string, Look>();
  for (const id of ids) {
    const color = given.get(id) ?? fresh(ids);
    given.set(id, color);
    looks.set(id, { color, dash: [...looks.values()].filter((look) => look.color === color).length });
  }
  return looks;
}

/** The CSS colour of a place in the palette. */
export const cssColor = (index: number): string => `var(--rw-s${index % COLORS})`;
