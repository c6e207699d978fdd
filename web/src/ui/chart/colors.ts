/** How many colours of the series palette there are (tokens.css: --rw-s0 and on). */
export const COLORS = 8;

function hash(text: string): number {
  let h = 2166136261;
  for (let i = 0; i < text.length; i += 1) h = Math.imul(h ^ text.charCodeAt(i), 16777619);
  return h >>> 0;
}

/** A colour for each id: an id has the same one everywhere unless two in the same picture would clash. */
export function colorsOf(ids: string[]): Map<string, number> {
  const taken = new Set<number>();
  const colors = new Map<string, number>();
  for (const id of [...ids].sort()) {
    let color = hash(id) % COLORS;
    while (taken.has(color) && taken.size < COLORS) color = (color + 1) % COLORS;
    taken.add(color);
    colors.set(id, color);
  }
  return colors;
}

/** The CSS colour of a place in the palette. */
export const cssColor = (index: number): string => `var(--rw-s${index % COLORS})`;
