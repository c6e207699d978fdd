import { Fragment, type ReactNode } from "react";
import { CodeBlock } from "./CodeBlock";
import { type Block, parseBlocks, parseInline, type Span } from "./markdownParser";
import { Scroll } from "./Scroll";

function inline(spans: Span[]): ReactNode {
  return spans.map((span, i) => {
    switch (span.kind) {
      case "text": return <Fragment key={i}>{span.text}</Fragment>;
      case "code": return <code key={i}>{span.text}</code>;
      case "strong": return <strong key={i}>{inline(parseInline(span.text))}</strong>;
      case "em": return <em key={i}>{inline(parseInline(span.text))}</em>;
      case "link": return <a key={i} href={span.href} rel="noreferrer nofollow">{span.text}</a>;
    }
  });
}

function block(one: Block): ReactNode {
  switch (one.kind) {
    case "heading": return one.level <= 2 ? <h2>{inline(parseInline(one.text))}</h2> : <h3>{inline(parseInline(one.text))}</h3>;
    case "code": return <CodeBlock code={one.text} label={one.language || "code"} />;
    case "quote": return <blockquote>{one.blocks.map((inner, i) => <Fragment key={i}>{block(inner)}</Fragment>)}</blockquote>;
    case "rule": return <hr />;
    case "list": {
      const items = one.items.map((item, i) => <li key={i}>{inline(parseInline(item))}</li>);
      return one.ordered ? <ol>{items}</ol> : <ul>{items}</ul>;
    }
    case "table":
      return (
        <Scroll label="Table">
          <table className="plain-table">
            <thead><tr>{one.head.map((cell, i) => <th key={i}>{inline(parseInline(cell))}</th>)}</tr></thead>
            <tbody>{one.rows.map((row, i) => <tr key={i}>{row.map((cell, j) => <td key={j}>{inline(parseInline(cell))}</td>)}</tr>)}</tbody>
          </table>
        </Scroll>
      );
    case "paragraph": return <p>{inline(parseInline(one.text))}</p>;
  }
}

/** Markdown as elements. HTML in it stays text and links lead only to http(s), mail and this site, so it cannot do harm. */
export function Markdown({ text }: { text: string }) {
  return <div className="markdown" dir="auto">{parseBlocks(text).map((one, i) => <Fragment key={i}>{block(one)}</Fragment>)}</div>;
}
