import { Link } from "wouter";
import type { AliasMove } from "@/api/types";
import { Badge } from "@/ui/Badge";
import { badgeFor } from "@/ui/badges";
import { Name, Time } from "@/ui/bits";
import { Scroll } from "@/ui/Scroll";

const HOW: Record<AliasMove["how"], string> = { set: "set", review: "approved", rollback: "rolled back", override: "past the review", deletion: "version deleted" };

function Decided({ move }: { move: AliasMove }) {
  const approved = move.evidence.approved_by ?? [];
  const word = move.how === "review" ? <><Link href={`/reviews/${move.review_id}`}>#{move.evidence.review}</Link> approved by {approved.join(", ")}</> : <>{HOW[move.how]} by <Name>{move.by}</Name></>;
  return <span className={move.how === "override" ? "tone-amber" : undefined}>{word}{move.reason && move.how !== "review" && <span className="muted">: <bdi>{move.reason}</bdi></span>}</span>;
}

/** Who pointed an alias at what, when, on what evidence. */
export function Moves({ moves }: { moves: AliasMove[] }) {
  return (
    <Scroll label="Moves of aliases">
      <table className="plain-table">
        <thead><tr><th>Alias</th><th>Version</th><th>Decided</th><th className="wide">Run</th><th className="wide">Reproduced</th><th>When</th></tr></thead>
        <tbody>
          {moves.map((move) => (
            <tr key={`${move.at} ${move.alias}`}>
              <th scope="row" className="nowrap"><bdi>{move.alias}</bdi></th>
              <td className="nowrap">{move.previous ?? "–"} → {move.version ?? "none"}</td>
              <td><Decided move={move} /></td>
              <td className="wide">{move.evidence.run_id ? <Link href={`/runs/${move.evidence.run_id}`}><Name>{move.evidence.run_name || move.evidence.run_id}</Name></Link> : "–"}</td>
              <td className="wide">{move.evidence.level ? <Link href={`/reproductions/${move.evidence.verification}`}><Badge spec={badgeFor(move.evidence.level)} /></Link> : <span className="muted">not then</span>}</td>
              <td className="muted nowrap"><Time at={move.at} /></td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}
