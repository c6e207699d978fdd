import { SegmentedControl } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { Link } from "wouter";
import { api } from "@/api/client";
import type { Lineage, LineageNode } from "@/api/types";
import { Name } from "@/ui/bits";
import { plural } from "@/ui/format";
import { Scroll } from "@/ui/Scroll";
import { Empty, Loaded } from "@/ui/states";
import { useUrlState } from "@/ui/urlState";
import { layout, NODE_HEIGHT, NODE_WIDTH } from "./layout";
import "./lineage.css";
import { arrowsOf, filesOf, hrefOfNode, said } from "./words";

const DRAWN = 80;
const LISTED = 300;
const SIGNS: Record<LineageNode["kind"], string> = { dataset: "▤", run: "▸", artifact: "▫", model: "◆" };
const COUNTED: [LineageNode["kind"], string][] = [["dataset", "dataset version"], ["run", "run"], ["artifact", "artifact"], ["model", "model version"]];

function Graph({ lineage, focus }: { lineage: Lineage; focus: string }) {
  const [near, setNear] = useState("");
  const drawing = useMemo(() => layout(lineage, focus, DRAWN), [lineage, focus]);
  const touches = (edge: { source: string; target: string }) => edge.source === near || edge.target === near;
  const beside = new Set(near ? drawing.edges.filter(touches).flatMap((edge) => [edge.source, edge.target]) : []);
  return (
    <>
      <Scroll label="Lineage">
        <div className={near ? "lineage lineage-near" : "lineage"} style={{ width: drawing.width, height: drawing.height }}>
          <svg width={drawing.width} height={drawing.height} aria-hidden="true">
            <defs>
              <marker id="lineage-tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0,0.8 L7.4,4 L0,7.2 z" /></marker>
            </defs>
            {drawing.edges.map((edge) => (
              <path key={`${edge.source} ${edge.target} ${edge.kind}`} d={edge.path} markerEnd="url(#lineage-tip)" className={`lineage-${edge.kind}${touches(edge) ? " near" : ""}`} />
            ))}
          </svg>
          {drawing.nodes.map(({ node, x, y }) => (
            <Link key={node.id} href={hrefOfNode(node)} className={`lineage-node${beside.has(node.id) || node.id === near ? " near" : ""}`} data-kind={node.kind}
              aria-current={node.id === focus ? "true" : undefined}
              style={{ left: x, top: y, width: NODE_WIDTH, height: NODE_HEIGHT }}
              onMouseEnter={() => setNear(node.id)} onMouseLeave={() => setNear("")} onFocus={() => setNear(node.id)} onBlur={() => setNear("")}>
              <span className="lineage-kind"><span aria-hidden="true">{SIGNS[node.kind]}</span> {node.kind}{node.detail?.status ? ` · ${String(node.detail.status)}` : ""}</span>
              <Name>{node.title}</Name>
              <span className="sr-only">: {arrowsOf(node, lineage)}</span>
            </Link>
          ))}
        </div>
      </Scroll>
      {drawing.left > 0 && <p className="muted small">{plural(drawing.left, "node")} further away {drawing.left === 1 ? "is" : "are"} not drawn; open a node to go on from there.</p>}
    </>
  );
}

function List({ lineage, focus }: { lineage: Lineage; focus: string }) {
  const beside = (edge: Lineage["edges"][number]) => Number(edge.source === focus || edge.target === focus);
  const edges = lineage.edges.toSorted((a, b) => beside(b) - beside(a));
  const nodes = new Map(lineage.nodes.map((node) => [node.id, node]));
  const link = (id: string) => {
    const node = nodes.get(id);
    return node ? <Link href={hrefOfNode(node)}><span className="muted" aria-hidden="true">{SIGNS[node.kind]} </span><Name>{node.title}</Name></Link> : null;
  };
  return (
    <Scroll label="Lineage as a list">
      <table className="plain-table">
        <thead><tr><th>From</th><th>How</th><th>To</th></tr></thead>
        <tbody>
          {edges.slice(0, LISTED).map((edge) => (
            <tr key={`${edge.source} ${edge.target} ${edge.kind}`}>
              <td className="nowrap">{link(edge.source)}</td>
              <td className="muted">{said(edge, "source")}{edge.files ? <span className="small block">{filesOf(edge)}</span> : null}</td>
              <td className="nowrap">{link(edge.target)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {lineage.edges.length > LISTED && <p className="muted small">{plural(lineage.edges.length - LISTED, "more line")}: <code>runward data lineage</code> lists them all.</p>}
    </Scroll>
  );
}

function Shown({ lineage, focus }: { lineage: Lineage; focus: string }) {
  const [url, setUrl] = useUrlState();
  const narrow = useMediaQuery("(max-width: 640px)") ?? false;
  const as = url.get("as") ?? (narrow ? "list" : "graph");
  const counted = COUNTED.flatMap(([kind, words]) => {
    const count = lineage.nodes.filter((node) => node.kind === kind).length;
    return count || kind !== "artifact" ? [plural(count, words)] : [];
  });
  return (
    <>
      <div className="toolbar">
        <SegmentedControl size="xs" aria-label="Shown as" value={as} data={[{ value: "graph", label: "Graph" }, { value: "list", label: "List" }]} onChange={(value) => setUrl({ as: value })} />
        <span className="muted">{counted.join(", ")}{lineage.truncated && "; there is more than the server shows at once"}</span>
      </div>
      {as === "list" ? <List lineage={lineage} focus={focus} /> : <Graph lineage={lineage} focus={focus} />}
      <p className="muted small">Joined by the digests of the files that runs read and wrote; nothing was declared.</p>
    </>
  );
}

/** What leads to a thing and what came of it: datasets, runs, the files between runs, and models. */
export default function LineageView({ project, of, focus }: { project: string; of: string; focus: string }) {
  const query = useQuery({
    queryKey: ["lineage", project, of],
    queryFn: ({ signal }) => api.get("/api/v1/projects/{project}/lineage", { path: { project }, query: { of }, signal }),
  });
  return (
    <Loaded query={query}>
      {(lineage) => lineage.edges.length === 0 ? (
        <Empty title="Nothing leads here yet, and nothing came of it" code={`runward data add data/train --project ${project}`} language="shell">
          What a run reads is found by itself. Once the files are a dataset’s, the two are joined by their digests:
        </Empty>
      ) : <Shown lineage={lineage} focus={focus} />}
    </Loaded>
  );
}
