import { describe, expect, it } from "vitest";
import { tableOf } from "./DataTable";
import { binsOf } from "./Histogram";
import { cellsOf } from "./notebook";

const notebook = (cells: unknown[]) => JSON.stringify({ nbformat: 4, cells });

describe("notebooks", () => {
  it("reads text written as lines, and outputs in their best safe form", () => {
    const outputs = [
      { output_type: "stream", text: ["\u001b[31mred\u001b[0m\n"] },
      { output_type: "display_data", data: { "image/png": "AA\nBB", "text/plain": "<Figure>" } },
      { output_type: "display_data", data: { "image/svg+xml": "<svg><script>1</script></svg>" } },
      { output_type: "execute_result", data: { "text/html": ["<b>", "x</b>"] } },
      { output_type: "error", ename: "E", evalue: "v", traceback: ["\u001b[0;31mline 1", "line 2"] },
      { output_type: "display_data", data: { "application/javascript": "alert(1)" } },
    ];
    const cells = cellsOf(notebook([{ cell_type: "markdown", source: ["# a\n", "b"] }, { cell_type: "code", source: "x", execution_count: 2, outputs }]));
    expect(cells?.[0]).toEqual({ kind: "markdown", source: "# a\nb", count: null, outputs: [] });
    expect(cells?.[1]?.outputs.map((output) => [output.kind, output.text.slice(0, 24)])).toEqual([
      ["text", "red\n"], ["image", "data:image/png;base64,AA"], ["image", "data:image/svg+xml;chars"], ["html", "<b>x</b>"], ["error", "line 1\nline 2\n"],
    ]);
  });
  it("takes nothing else for one", () => expect(["", "{}", "[1]", '{"cells": 3}', "null"].map(cellsOf)).toEqual([null, null, null, null, null]));
});

it("takes only what fits for a histogram or a table", () => {
  expect(binsOf('{"edges": [0, 1, 2], "counts": [3, 4]}')?.counts).toEqual([3, 4]);
  expect(['{"edges": [0, 1], "counts": [3, 4]}', '{"edges": ["a", 1], "counts": [1]}', "{", "{}"].map(binsOf)).toEqual([null, null, null, null]);
  expect(tableOf('{"columns": ["a"], "data": [[1]]}')?.data).toEqual([[1]]);
  expect(['{"columns": ["a"], "data": [1]}', "1"].map(tableOf)).toEqual([null, null]);
});
