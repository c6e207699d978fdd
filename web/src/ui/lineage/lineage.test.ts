import { expect, it } from "vitest";
import type { Lineage, LineageEdge, LineageNode } from "@/api/types";
import { columnsOf, layout, nearest } from "./layout";
import { hrefOfNode, arrowsOf } from "./words";

const node = (id: string): LineageNode => ({ id, kind: id.split(":")[0] as LineageNode["kind"], title: id, ref: id, detail: {} });
const edge = (source: string, target: string, kind: LineageEdge["kind"] = "read"): LineageEdge => ({ source, target, kind, files: 1 });
const of = (edges: LineageEdge[]): Lineage => ({
  nodes: [...new Set(edges.flatMap((one) => [one.source, one.target]))].map(node), edges, truncated: false,
});

const CHAIN = of([
  edge("dataset:d@1", "dataset:d@2", "grew"), edge("dataset:d@1", "run:a"), edge("dataset:d@2", "run:b"),
  edge("run:a", "dataset:e@1", "made"), edge("dataset:e@1", "run:c"), edge("run:c", "model:m/1", "published"),
]);

it("draws data left of the runs that read them, and versions of a dataset in one column", () => {
  const columns = columnsOf(CHAIN.nodes.map((one) => one.id), CHAIN.edges);
  expect(Object.fromEntries(columns)).toEqual({
    "dataset:d@1": 0, "dataset:d@2": 0, "run:a": 1, "run:b": 1, "dataset:e@1": 2, "run:c": 3, "model:m/1": 4,
  });
  const drawing = layout(CHAIN, "run:a", 50);
  expect(drawing.left).toBe(0);
  const places = drawing.nodes.map(({ x, y }) => `${x} ${y}`);
  expect(new Set(places).size).toBe(7);
  expect(drawing.edges).toHaveLength(6);
});

it("ends where a lineage goes round in a circle", () => {
  const circle = of([edge("dataset:d@1", "run:a"), edge("run:a", "dataset:d@1", "made"), edge("run:a", "run:a")]);
  const drawing = layout(circle, "run:a", 50);
  expect(drawing.nodes).toHaveLength(2);
  expect(drawing.edges).toHaveLength(2);
});

it("keeps what is nearest to the focus and counts what is left out", () => {
  const long = of(Array.from({ length: 500 }, (_, i) => edge(`dataset:d@${i}`, `dataset:d@${i + 1}`, "grew")));
  expect(nearest(long, "dataset:d@250", 3).map((one) => one.id)).toEqual(["dataset:d@249", "dataset:d@250", "dataset:d@251"]);
  expect(layout(long, "dataset:d@250", 60).left).toBe(441);
  expect(nearest(long, "dataset:gone@0", 2)).toHaveLength(2);
});

it("leads from a node to its page and says its arrows in words", () => {
  expect(hrefOfNode(node("dataset:abc@0123456789abcdef"))).toBe("/data/abc/lineage?version=0123456789ab");
  expect(hrefOfNode(node("model:a/b/3"))).toBe("/models/a%2Fb/3");
  expect(hrefOfNode(node("artifact:r1/out/a b.bin"))).toBe("/runs/r1/artifacts?file=out%2Fa%20b.bin");
  expect(arrowsOf(node("run:a"), CHAIN)).toBe("read dataset:d@1, made dataset:e@1");
});
