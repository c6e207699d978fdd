import { CodeBlock } from "../CodeBlock";
import { Markdown } from "../Markdown";
import { type Cell, cellsOf, type Output } from "./notebook";

/** Output in HTML without scripts, without an origin, without the network. */
const Locked = ({ html }: { html: string }) => <iframe className="notebook-html" title="Output in HTML" sandbox="" srcDoc={`<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">${html}`} loading="lazy" />;

function Shown({ output }: { output: Output }) {
  switch (output.kind) {
    case "image": return <img className="preview" src={output.text} alt="Output of the cell" />;
    case "html": return <Locked html={output.text} />;
    case "markdown": return <Markdown text={output.text} />;
    case "error": return <pre className="output tone-red" tabIndex={0} role="region" aria-label="Error">{output.text}</pre>;
    case "text": return <pre className="output" tabIndex={0} role="region" aria-label="Output">{output.text}</pre>;
  }
}

function CellView({ cell }: { cell: Cell }) {
  if (cell.kind === "markdown") return <Markdown text={cell.source} />;
  return (
    <div className="cell">
      <span className="cell-count mono muted small">{cell.count === null ? "" : `[${cell.count}]`}</span>
      <div>
        <CodeBlock code={cell.source} label={cell.kind === "code" ? "cell" : "raw cell"} />
        {cell.outputs.map((output, i) => <Shown key={i} output={output} />)}
      </div>
    </div>
  );
}

/** A Jupyter notebook as it was saved: text, code and outputs. Nothing in it is executed. */
export default function Notebook({ text }: { text: string }) {
  const cells = cellsOf(text);
  if (cells === null) return <p className="note tone-amber">This file is no notebook that can be read. Download it to look at it.</p>;
  return <div className="notebook">{cells.map((cell, i) => <CellView key={i} cell={cell} />)}</div>;
}
