export type Block =
  | { kind: "heading"; level: number; text: string }
  | { kind: "code"; language: string; text: string }
  | { kind: "quote"; blocks: Block[] }
  | { kind: "list"; ordered: boolean; items: string[] }
  | { kind: "table"; head: string[]; rows: string[][] }
  | { kind: "rule" }
  | { kind: "paragraph"; text: string };

export type Span =
  | { kind: "text" | "code" | "strong" | "em"; text: string }
  | { kind: "link"; text: string; href: string };

const ITEM = /^\s*(?:([-*+])|(\d+)[.)])\s+(.*)$/;
const HEADING = /^(#{1,6})\s+(.*?)\s*#*$/;
const RULE = /^\s*([-*_])(?:\s*\1){2,}\s*$/;
const TABLE_LINE = /^\s*\|?(?:\s*:?-+:?\s*\|)+\s*:?-*:?\s*$/;
const SAFE_LINK = /^(https?:\/\/|mailto:|\/(?!\/)|#)/i;
// Every repetition is bounded or stops at its own opening sign, so that no text makes matching slow.
const SPAN =
  /(`{1,3})(.{1,1000}?)\1|\*\*(.{1,1000}?)\*\*|__(.{1,1000}?)__|\*(?!\s)(.{1,500}?)\*|\b_(?!\s)(.{1,500}?)_\b|\[([^[\]]{1,500})\]\(([^()\s]{1,2000})\)|(https?:\/\/[^\s<>()]{1,2000}(?<![.,;:!?]))/g;
const DEEPEST_QUOTE = 8;

const cells = (line: string): string[] => line.replace(/^\s*\||\|\s*$/g, "").split("|").map((cell) => cell.trim());

interface Taken {
  block: Block;
  next: number;
}

function takeCode(lines: string[], at: number): Taken | null {
  const fence = /^\s*(```+|~~~+)\s*(\S*)/.exec(lines[at] ?? "");
  if (!fence) return null;
  const mark = fence[1] ?? "```";
  let end = at + 1;
  while (end < lines.length && !lines[end]?.trimStart().startsWith(mark)) end += 1;
  return { block: { kind: "code", language: fence[2] ?? "", text: lines.slice(at + 1, end).join("\n") }, next: end + 1 };
}

function takeQuote(lines: string[], at: number, depth: number): Taken | null {
  if (depth >= DEEPEST_QUOTE) return null;
  let end = at;
  while (end < lines.length && lines[end]?.startsWith(">")) end += 1;
  if (end === at) return null;
  return { block: { kind: "quote", blocks: parseBlocks(lines.slice(at, end).map((line) => line.replace(/^> ?/, "")).join("\n"), depth + 1) }, next: end };
}

function takeTable(lines: string[], at: number): Taken | null {
  if (!lines[at]?.includes("|") || !TABLE_LINE.test(lines[at + 1] ?? "")) return null;
  let end = at + 2;
  while (end < lines.length && lines[end]?.includes("|")) end += 1;
  return { block: { kind: "table", head: cells(lines[at] ?? ""), rows: lines.slice(at + 2, end).map(cells) }, next: end };
}

function takeList(lines: string[], at: number): Taken | null {
  const first = ITEM.exec(lines[at] ?? "");
  if (!first) return null;
  const items: string[] = [];
  let end = at;
  for (; end < lines.length; end += 1) {
    const item = ITEM.exec(lines[end] ?? "");
    if (item) items.push(item[3] ?? "");
    else if (/^\s+\S/.test(lines[end] ?? "") && items.length) items[items.length - 1] += ` ${lines[end]?.trim()}`;
    else break;
  }
  return { block: { kind: "list", ordered: first[2] !== undefined, items }, next: end };
}

function takeLine(lines: string[], at: number): Taken | null {
  const heading = HEADING.exec(lines[at] ?? "");
  if (heading) return { block: { kind: "heading", level: heading[1]?.length ?? 1, text: heading[2] ?? "" }, next: at + 1 };
  return RULE.test(lines[at] ?? "") ? { block: { kind: "rule" }, next: at + 1 } : null;
}

const TAKERS = [takeCode, takeLine, takeQuote, takeTable, takeList];
const take = (lines: string[], at: number, depth: number): Taken | null =>
  TAKERS.reduce<Taken | null>((found, taker) => found ?? taker(lines, at, depth), null);

/** The blocks of a Markdown text: headings, lists, code, quotes, tables, paragraphs. */
export function parseBlocks(text: string, depth = 0): Block[] {
  const lines = text.replaceAll("\r\n", "\n").split("\n");
  const blocks: Block[] = [];
  let at = 0;
  while (at < lines.length) {
    if (lines[at]?.trim() === "") {
      at += 1;
      continue;
    }
    const taken = take(lines, at, depth);
    if (taken) {
      blocks.push(taken.block);
      at = taken.next;
      continue;
    }
    let end = at + 1;
    while (end < lines.length && lines[end]?.trim() && !take(lines, end, depth)) end += 1;
    blocks.push({ kind: "paragraph", text: lines.slice(at, end).join("\n") });
    at = end;
  }
  return blocks;
}

function spanOf(match: RegExpMatchArray): Span {
  const [whole, , code, bold, bold2, em, em2, label, href, bare] = match;
  if (code !== undefined) return { kind: "code", text: code };
  if (bold ?? bold2) return { kind: "strong", text: (bold ?? bold2) as string };
  if (em ?? em2) return { kind: "em", text: (em ?? em2) as string };
  if (bare) return { kind: "link", text: bare, href: bare };
  return label && href && SAFE_LINK.test(href) ? { kind: "link", text: label, href } : { kind: "text", text: whole };
}

/** The spans of a line: emphasis, code, links. A link to anywhere unsafe stays text. */
export function parseInline(text: string): Span[] {
  const spans: Span[] = [];
  let at = 0;
  for (const match of text.matchAll(SPAN)) {
    if (match.index > at) spans.push({ kind: "text", text: text.slice(at, match.index) });
    spans.push(spanOf(match));
    at = match.index + match[0].length;
  }
  if (at < text.length) spans.push({ kind: "text", text: text.slice(at) });
  return spans;
}
