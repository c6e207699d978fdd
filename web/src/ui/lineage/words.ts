import type { Lineage, LineageEdge, LineageNode } from "@/api/types";
import { plural } from "@/ui/format";

const VERBS: Record<LineageEdge["kind"], [active: string, passive: string]> = {
  read: ["was read by", "read"],
  made: ["made", "was made by"],
  published: ["became", "came of"],
  grew: ["was followed by", "follows"],
};

/** What an arrow says, from its beginning and from its end. */
export const said = (edge: LineageEdge, from: "source" | "target"): string => VERBS[edge.kind][from === "source" ? 0 : 1];

/** How many files an arrow stands on. */
export const filesOf = (edge: LineageEdge): string => (edge.files ? plural(edge.files, "file") : "");

/** Where a node is shown. */
export function hrefOfNode(node: LineageNode): string {
  const [kind, rest = ""] = [node.kind, node.id.slice(node.id.indexOf(":") + 1)];
  if (kind === "run") return `/runs/${rest}/lineage`;
  if (kind === "artifact") {
    const [run = "", ...path] = rest.split("/");
    return `/runs/${run}/artifacts?file=${encodeURIComponent(path.join("/"))}`;
  }
  if (kind === "model") return `/models/${encodeURIComponent(rest.slice(0, rest.lastIndexOf("/")))}/${rest.slice(rest.lastIndexOf("/") + 1)}`;
  const [dataset = "", digest = ""] = rest.split("@");
  return `/data/${encodeURIComponent(dataset)}/lineage?version=${digest.slice(0, 12)}`;
}

/** A node's arrows in words, for those who do not see them. */
export function arrowsOf(node: LineageNode, { nodes, edges }: Lineage): string {
  const titles = new Map(nodes.map((one) => [one.id, one.title]));
  const parts = edges.flatMap((edge) => {
    if (edge.target === node.id) return [`${said(edge, "target")} ${titles.get(edge.source) ?? "?"}`];
    return edge.source === node.id ? [`${said(edge, "source")} ${titles.get(edge.target) ?? "?"}`] : [];
  });
  return [...parts.slice(0, 6), ...(parts.length > 6 ? [`and ${parts.length - 6} more`] : [])].join(", ");
}
