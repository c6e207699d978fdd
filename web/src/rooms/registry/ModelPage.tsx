import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useState } from "react";
import { Link } from "wouter";
import { runQuery } from "@/api/queries";
import type { AliasMove, Model, ModelVersion } from "@/api/types";
import { Badge } from "@/ui/Badge";
import { badgeFor } from "@/ui/badges";
import { Name, Section, Time } from "@/ui/bits";
import { CopyAs, pythonString, shellQuote } from "@/ui/CopyAs";
import { plural } from "@/ui/format";
import { Page } from "@/ui/Page";
import { Scroll } from "@/ui/Scroll";
import { ErrorNote, Loaded, Loading } from "@/ui/states";
import { useUrlState } from "@/ui/urlState";
import { RequestReview } from "@/ui/RequestReview";
import { aliasMovesQuery, modelQuery, modelVersionsQuery } from "./models";

const LineageView = lazy(() => import("@/ui/lineage/LineageView"));

function Promote({ model, version }: { model: Model; version: ModelVersion }) {
  const [opened, setOpened] = useState(false);
  const alias = model.protected?.find((name) => !version.aliases?.includes(name)) ?? "";
  return (
    <>
      <Button variant="default" size="compact-xs" disabled={!version.run_id} title={version.run_id ? undefined : "It names no run, so there is nothing to review"} onClick={() => setOpened(true)}>
        Ask for promotion
      </Button>
      {opened && <RequestReview run={{ id: version.run_id, name: "" }} promotion={{ model: model.name, version: version.version, alias }} opened close={() => setOpened(false)} />}
    </>
  );
}

const HOW: Record<AliasMove["how"], string> = { set: "not protected", review: "approved", rollback: "rolled back", override: "past the review", deletion: "version deleted" };

function Decided({ move }: { move: AliasMove }) {
  const approved = move.evidence.approved_by ?? [];
  const word = move.how === "review" ? <><Link href={`/reviews/${move.review_id}`}>#{move.evidence.review}</Link> approved by {approved.join(", ")}</> : <>{HOW[move.how]} by <Name>{move.by}</Name></>;
  return <span className={move.how === "override" ? "tone-amber" : undefined}>{word}{move.reason && move.how !== "review" && <span className="muted">: <bdi>{move.reason}</bdi></span>}</span>;
}

/** Who pointed an alias at what, when, on what evidence. */
function Moves({ model }: { model: string }) {
  const query = useQuery(aliasMovesQuery(model));
  return (
    <Section title="Aliases" aside={query.data && <span className="muted small">{plural(query.data.length, "move")}</span>}>
      <Loaded query={query} rows={2}>
        {(moves) => moves.length === 0 ? <p className="muted">No alias was ever set.</p> : (
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
        )}
      </Loaded>
    </Section>
  );
}

function Versions({ versions, chosen, onChoose }: { versions: ModelVersion[]; chosen: ModelVersion | undefined; onChoose: (version: number) => void }) {
  return (
    <Scroll label="Versions">
      <table className="plain-table">
        <thead><tr><th className="num">Version</th><th>Aliases</th><th>Run</th><th className="wide">Stage</th><th className="wide">About</th><th className="wide">By</th><th className="wide">When</th></tr></thead>
        <tbody>
          {versions.map((version) => (
            <tr key={version.version} aria-current={version === chosen ? "true" : undefined}>
              <td className="num"><button type="button" className="link" onClick={() => onChoose(version.version)} aria-label={`Lineage of version ${version.version}`}>{version.version}</button></td>
              <td>{version.aliases?.length ? version.aliases.map((alias) => <span key={alias} className="tag"><bdi>{alias}</bdi></span>) : "–"}</td>
              <td>{version.run_id ? <Link href={`/runs/${version.run_id}`} className="mono">{version.run_id.slice(0, 8)}</Link> : "–"}</td>
              <td className="wide">{version.stage || "–"}</td>
              <td className="wide muted">{version.description || "–"}</td>
              <td className="wide"><Name>{version.created_by}</Name></td>
              <td className="wide muted nowrap"><Time at={version.created_at} /></td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function VersionLineage({ version }: { version: ModelVersion }) {
  const run = useQuery({ ...runQuery(version.run_id), enabled: version.run_id !== "" });
  const name = `${version.model}/${version.version}`;
  return (
    <Section title={`Lineage of version ${version.version}`}>
      {version.run_id
        ? <Loaded query={run} rows={4}>{({ run: { project } }) => <Suspense fallback={<Loading rows={4} />}><LineageView project={project} of={`model:${name}`} focus={`model:${name}`} /></Suspense>}</Loaded>
        : <p className="muted">It was registered without a run, so nothing is known of the data behind it.</p>}
    </Section>
  );
}

function Shown({ model }: { model: Model }) {
  const [url, setUrl] = useUrlState();
  const query = useQuery(modelVersionsQuery(model.name));
  return (
    <Loaded query={query}>
      {(versions) => {
        const chosen = versions.find((version) => String(version.version) === url.get("version")) ?? versions[0];
        return (
          <>
            <Section title="Versions" aside={chosen ? <Promote key={chosen.version} model={model} version={chosen} /> : <span className="muted small">{plural(versions.length, "version")}</span>}>
              {versions.length ? <Versions versions={versions} chosen={chosen} onChoose={(version) => setUrl({ version: String(version) })} /> : <p className="muted">None yet.</p>}
            </Section>
            <Moves model={model.name} />
            {chosen && <VersionLineage key={chosen.version} version={chosen} />}
          </>
        );
      }}
    </Loaded>
  );
}

/** One registered model: its versions, each with its run and the data behind it. */
export default function ModelPage({ name }: { name: string }) {
  const query = useQuery(modelQuery(name));
  const trail: [string, string][] = [["Models & data", "/models"]];
  if (!query.data) return <Page title="Model" trail={trail}>{query.isError ? <ErrorNote error={query.error} retry={() => void query.refetch()} /> : <Loading rows={8} />}</Page>;
  const model = query.data;
  const recipe = { cli: `runward model history ${shellQuote(model.name)}`, python: `moves = workspace.registry.alias_history(${pythonString(model.name)})\n` };
  return (
    <Page title={model.name} trail={trail} actions={<CopyAs recipe={recipe} />}>
      {model.description && <p className="purpose"><bdi>{model.description}</bdi></p>}
      <p className="byline muted">
        of {model.team} · by <Name>{model.created_by}</Name> · changed <Time at={model.updated_at} />
        {model.protected?.length ? <> · <bdi>{model.protected.join(", ")}</bdi> only by review{model.project && <> by the standards of <Link href={`/projects/${model.project}`}>{model.project}</Link></>}</> : " · no alias is protected"}
      </p>
      <Shown model={model} />
    </Page>
  );
}
