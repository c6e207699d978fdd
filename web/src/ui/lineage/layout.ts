import type { Lineage, LineageEdge, LineageNode } from "@/api/types";

export const NODE_WIDTH = 196;
export const NODE_HEIGHT = 46;
const COLUMN = NODE_WIDTH + 84;
const ROW = NODE_HEIGHT + 12;
const SWEEPS = 4;

export interface Placed {
  node: LineageNode;
  x: number;
  y: number;
}

export interface Drawing {
  nodes: Placed[];
  edges: (LineageEdge & { path: string })[];
  width: number;
  height: number;
  /** Nodes that there was no room for. */
  left: number;
}

type Ends = Pick<LineageEdge, "source" | "target">;

function neighbours(edges: Ends[]): Map<string, string[]> {
  const found = new Map<string, string[]>();
  const add = (from: string, to: string) => found.set(from, [...(found.get(from) ?? []), to]);
  for (const { source, target } of edges) {
    add(source, target);
    add(target, source);
  }
  return found;
}

/** At most `limit` nodes: those nearest to the focus first, else in the order given. */
export function nearest({ nodes, edges }: Pick<Lineage, "nodes" | "edges">, focus: string, limit: number): LineageNode[] {
  if (nodes.length <= limit) return nodes;
  const known = new Map(nodes.map((node) => [node.id, node]));
  const beside = neighbours(edges);
  const order: string[] = [];
  const seen = new Set<string>();
  const take = (id: string) => {
    if (!seen.has(id) && known.has(id)) {
      seen.add(id);
      order.push(id);
    }
  };
  take(focus);
  for (let i = 0; i < nodes.length && order.length < limit; i += 1) {
    const id = order[i] ?? nodes.find((node) => !seen.has(node.id))?.id;
    if (id === undefined) break;
    take(id);
    (beside.get(id) ?? []).forEach(take);
  }
  const kept = new Set(order.slice(0, limit));
  return nodes.filter((node) => kept.has(node.id));
}

/** The column of each node: as far right as the longest way to it. Versions that follow each other share one. */
export function columnsOf(ids: string[], edges: LineageEdge[]): Map<string, number> {
  const into = new Map<string, LineageEdge[]>();
  for (const edge of edges) into.set(edge.target, [...(into.get(edge.target) ?? []), edge]);
  const columns = new Map<string, number>();
  const open = new Set<string>();
  const column = (id: string): number => {
    const known = columns.get(id);
    // A circle is cut where it is met again.
    if (known !== undefined || open.has(id)) return known ?? -1;
    open.add(id);
    const found = Math.max(0, ...(into.get(id) ?? []).map((edge) => column(edge.source) + (edge.kind === "grew" ? 0 : 1)));
    open.delete(id);
    columns.set(id, found);
    return found;
  };
  ids.forEach(column);
  return columns;
}

/** Versions of one dataset stay together. */
const familyOf = (id: string): string => (id.startsWith("dataset:") ? id.split("@")[0] ?? id : id);

function sortColumns(columns: LineageNode[][], edges: LineageEdge[]): void {
  const beside = neighbours(edges.filter((edge) => edge.kind !== "grew"));
  const place = new Map<string, number>();
  const number = () => columns.forEach((column) => column.forEach((node, i) => place.set(node.id, i)));
  number();
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    for (const column of sweep % 2 ? columns.toReversed() : columns) {
      const places = new Map<string, number[]>();
      for (const node of column) {
        const near = (beside.get(node.id) ?? []).map((id) => place.get(id) ?? 0);
        places.set(familyOf(node.id), [...(places.get(familyOf(node.id)) ?? []), ...near]);
      }
      const middle = (node: LineageNode) => {
        const found = places.get(familyOf(node.id)) ?? [];
        return found.length ? found.reduce((sum, one) => sum + one, 0) / found.length : (place.get(node.id) ?? 0);
      };
      column.sort((a, b) => middle(a) - middle(b) || familyOf(a.id).localeCompare(familyOf(b.id)) || (place.get(a.id) ?? 0) - (place.get(b.id) ?? 0));
      column.forEach((node, i) => place.set(node.id, i));
    }
  }
}

function pathOf(from: Placed, to: Placed, kind: string): string {
  if (kind === "grew" && from.x === to.x) {
    const [x, top, bottom] = [from.x + 18, to.y > from.y ? from.y + NODE_HEIGHT : from.y, to.y > from.y ? to.y : to.y + NODE_HEIGHT];
    const apart = Math.abs(bottom - top);
    return apart <= ROW - NODE_HEIGHT ? `M${x},${top} L${x},${bottom}` : `M${from.x},${from.y + NODE_HEIGHT / 2} C${from.x - 34},${from.y + NODE_HEIGHT / 2} ${from.x - 34},${to.y + NODE_HEIGHT / 2} ${to.x},${to.y + NODE_HEIGHT / 2}`;
  }
  const [x1, y1, x2, y2] = [from.x + NODE_WIDTH, from.y + NODE_HEIGHT / 2, to.x, to.y + NODE_HEIGHT / 2];
  const bend = Math.max(36, Math.abs(x2 - x1) / 2);
  return `M${x1},${y1} C${x1 + bend},${y1} ${x2 - bend},${y2} ${x2},${y2}`;
}

/** Places of a lineage's nodes, in columns from what data came from to what became of them. */
export function layout(lineage: Pick<Lineage, "nodes" | "edges">, focus: string, limit: number): Drawing {
  const nodes = nearest(lineage, focus, limit);
  const shown = new Set(nodes.map((node) => node.id));
  const edges = lineage.edges.filter((edge) => shown.has(edge.source) && shown.has(edge.target) && edge.source !== edge.target);
  const column = columnsOf(nodes.map((node) => node.id), edges);
  const columns: LineageNode[][] = [];
  for (const node of nodes) (columns[column.get(node.id) ?? 0] ??= []).push(node);
  const filled = columns.filter((one) => one !== undefined);
  sortColumns(filled, edges);
  const tallest = Math.max(1, ...filled.map((one) => one.length));
  const margin = 36;
  const placed = filled.flatMap((one, x) =>
    one.map((node, y): Placed => ({ node, x: margin + x * COLUMN, y: 8 + ((tallest - one.length) / 2 + y) * ROW })),
  );
  const at = new Map(placed.map((one) => [one.node.id, one]));
  return {
    nodes: placed,
    edges: edges.map((edge) => ({ ...edge, path: pathOf(at.get(edge.source) as Placed, at.get(edge.target) as Placed, edge.kind) })),
    width: margin + filled.length * COLUMN - (COLUMN - NODE_WIDTH) + 8,
    height: tallest * ROW + 8,
    left: lineage.nodes.length - nodes.length,
  };
}
