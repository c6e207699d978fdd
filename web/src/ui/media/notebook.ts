export interface Output {
  kind: "text" | "image" | "html" | "markdown" | "error";
  /** The text, or the picture as a data address. */
  text: string;
}

export interface Cell {
  kind: "markdown" | "code" | "raw";
  source: string;
  count: number | null;
  outputs: Output[];
}

type Json = Record<string, unknown>;
const isObject = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value);

/** Notebooks write text as one string or as a list of lines. */
const textOf = (value: unknown): string => (Array.isArray(value) ? value.map(String).join("") : typeof value === "string" ? value : "");

const plain = (text: string): string => text.replace(/\u001b\[[0-9;]*[A-Za-z]/g, "");

const PICTURES = ["image/png", "image/jpeg", "image/gif"];

/** The best form of an output that can be shown safely. A picture in SVG goes into an image, where no script runs. */
function richest(data: Json): Output | null {
  const picture = PICTURES.find((type) => typeof data[type] === "string" || Array.isArray(data[type]));
  if (picture) return { kind: "image", text: `data:${picture};base64,${textOf(data[picture]).replace(/\s/g, "")}` };
  if (data["image/svg+xml"]) return { kind: "image", text: `data:image/svg+xml;charset=utf-8,${encodeURIComponent(textOf(data["image/svg+xml"]))}` };
  if (data["text/html"]) return { kind: "html", text: textOf(data["text/html"]) };
  if (data["text/markdown"]) return { kind: "markdown", text: textOf(data["text/markdown"]) };
  return data["text/plain"] ? { kind: "text", text: plain(textOf(data["text/plain"])) } : null;
}

function outputOf(output: unknown): Output | null {
  if (!isObject(output)) return null;
  if (output.output_type === "stream") return { kind: "text", text: plain(textOf(output.text)) };
  if (output.output_type === "error") return { kind: "error", text: plain(textOf(Array.isArray(output.traceback) ? output.traceback.map((line) => `${String(line)}\n`) : `${String(output.ename)}: ${String(output.evalue)}`)) };
  return isObject(output.data) ? richest(output.data) : null;
}

/** The cells of a notebook's JSON (format 4); null for what is no notebook. */
export function cellsOf(text: string): Cell[] | null {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isObject(document) || !Array.isArray(document.cells)) return null;
  return document.cells.filter(isObject).map((cell) => ({
    kind: cell.cell_type === "markdown" || cell.cell_type === "code" ? cell.cell_type : "raw",
    source: textOf(cell.source),
    count: typeof cell.execution_count === "number" ? cell.execution_count : null,
    outputs: (Array.isArray(cell.outputs) ? cell.outputs : []).map(outputOf).filter((output) => output !== null),
  }));
}
