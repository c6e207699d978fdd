/** A card's text without its front matter and its first heading, which the page has already. */
export const bodyOf = (markdown: string): string => markdown.replace(/^---\n[\s\S]*?\n---\n/, "").replace(/^\s*# .*\n/, "");

/** A field's key as words. */
export const wordsOf = (key: string): string => (key.charAt(0).toUpperCase() + key.slice(1)).replaceAll("_", " ");

/** A value as JSON: on one line where it fits there. */
export function jsonText(value: unknown): string {
  const line = JSON.stringify(value);
  return line.length <= 100 ? line : JSON.stringify(value, null, 1);
}

interface Field {
  name?: string;
  dtype: string;
  shape?: number[] | null;
  required?: boolean;
}

/** An input or output as people write it: `x: float32[?, 64]`. */
export function fieldText({ name = "", dtype, shape, required = true }: Field): string {
  const sizes = shape ? `[${shape.map((n) => (n === -1 ? "?" : String(n))).join(", ")}]` : "";
  return `${name ? `${name}: ` : ""}${dtype}${sizes}${required ? "" : " (optional)"}`;
}
