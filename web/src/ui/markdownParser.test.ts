import { describe, expect, it } from "vitest";
import { parseBlocks, parseInline } from "./markdownParser";

describe("parseBlocks", () => {
  it("finds headings, lists, code, tables, quotes and paragraphs", () => {
    const text = "# Title\n\nfirst\nsecond\n\n- a\n- b\n  more\n\n```py\nx = 1\n\ny\n```\n| a | b |\n|---|---|\n| 1 | 2 |\n\n> quoted\n\n---";
    expect(parseBlocks(text)).toEqual([
      { kind: "heading", level: 1, text: "Title" },
      { kind: "paragraph", text: "first\nsecond" },
      { kind: "list", ordered: false, items: ["a", "b more"] },
      { kind: "code", language: "py", text: "x = 1\n\ny" },
      { kind: "table", head: ["a", "b"], rows: [["1", "2"]] },
      { kind: "quote", blocks: [{ kind: "paragraph", text: "quoted" }] },
      { kind: "rule" },
    ]);
  });
  it("ends an unclosed code block with the text", () => expect(parseBlocks("```\nx")).toEqual([{ kind: "code", language: "", text: "x" }]));
  it("is quick on what would make a careless expression slow", () => {
    const started = performance.now();
    parseBlocks("*".repeat(20_000));
    parseInline("[".repeat(20_000));
    parseInline("`".repeat(5_000));
    parseInline("_a ".repeat(10_000));
    parseBlocks(">".repeat(20_000));
    parseBlocks("a | b\n".repeat(5_000));
    expect(performance.now() - started).toBeLessThan(1000);
  });
});

describe("parseInline", () => {
  it("finds emphasis, code and links", () => {
    expect(parseInline("a **b** `c` [d](https://e.org) /f")).toEqual([
      { kind: "text", text: "a " },
      { kind: "strong", text: "b" },
      { kind: "text", text: " " },
      { kind: "code", text: "c" },
      { kind: "text", text: " " },
      { kind: "link", text: "d", href: "https://e.org" },
      { kind: "text", text: " /f" },
    ]);
  });
  it.each(["javascript:alert", "JaVaScRiPt:x", "data:text/html,x", "//evil.org", "vbscript:x"])("keeps a link to %s as text", (href) => {
    expect(parseInline(`[x](${href})`).some((span) => span.kind === "link")).toBe(false);
  });
  it("leaves snake_case alone", () => expect(parseInline("batch_size_max")).toEqual([{ kind: "text", text: "batch_size_max" }]));
});
