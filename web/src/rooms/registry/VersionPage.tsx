import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link } from "wouter";
import type { TensorField, VersionDetail } from "@/api/types";
import { Badge } from "@/ui/Badge";
import { badgeFor, BADGES } from "@/ui/badges";
import { Facts, IdChip, Name, Section, Time } from "@/ui/bits";
import { CodeBlock } from "@/ui/CodeBlock";
import { CopyAs, pythonString, shellQuote } from "@/ui/CopyAs";
import { later } from "@/ui/later";
import { Page } from "@/ui/Page";
import { Scroll } from "@/ui/Scroll";
import { ErrorNote, Loaded } from "@/ui/states";
import { WhoSees } from "@/ui/WhoSees";
import { fieldText, jsonText } from "./card";
import { CardSection } from "./CardSection";
import { Deployments } from "./Deployments";
import { Files } from "./Files";
import { handoffsQuery, modelQuery, modelVersionQuery } from "./models";
import { Moves } from "./Moves";
import { Promote } from "./Promote";

const LineageView = later(() => import("@/ui/lineage/LineageView"));

const text = (value: unknown): string => (typeof value === "string" || typeof value === "number" ? String(value) : "");

function Code({ detail: { code, evidence } }: { detail: VersionDetail }) {
  if (!evidence.commit) return <span className="muted">no commit is known</span>;
  return <><IdChip id={evidence.commit} label="commit" />{text(code.branch) && <> on <bdi>{text(code.branch)}</bdi></>}{code.dirty === true && <span className="tone-amber">, with uncommitted changes</span>}</>;
}

function Origin({ detail }: { detail: VersionDetail }) {
  const { evidence, environment, project, version } = detail;
  if (!evidence.run_id && version.run_id) return <p className="tone-amber">Its run <IdChip id={version.run_id} label="run" /> is not here: it was deleted (<code>runward runs restore {version.run_id}</code>), or is one of another server.</p>;
  if (!evidence.run_id) return <p className="muted">It was registered without a run, so nothing is known of the code, the data and the environment behind it.</p>;
  const python = text(environment.python), packages = text(environment.packages);
  const rows: [string, ReactNode][] = [
    ["Run", <Link key="run" href={`/runs/${evidence.run_id}`}><Name>{evidence.run_name || evidence.run_id}</Name></Link>],
    ["Project", <Link key="project" href={`/projects/${project}`}>{project}</Link>],
    ["Code", <Code key="code" detail={detail} />],
    ["Environment", python ? <Link key="env" href={`/runs/${evidence.run_id}/environment`}>Python {python}{packages && `, ${packages} packages`}</Link> : <span key="env" className="muted">not captured</span>],
    ["Reproduced", evidence.level ? <Link key="level" href={`/reproductions/${evidence.verification ?? ""}`}><Badge spec={badgeFor(evidence.level)} /></Link> : <Badge key="level" spec={BADGES.not_attempted} />],
    ["Content", <IdChip key="content" id={evidence.revision ?? ""} label="digest of the run's content" />],
  ];
  if (version.logged_model_id) rows.push(["Logged model", <span key="logged" className="mono break">{version.logged_model_id}</span>]);
  return <Facts rows={rows} />;
}

function Fields({ title, fields }: { title: string; fields: TensorField[] }) {
  return (
    <>
      <h3>{title}</h3>
      {fields.length ? <ul className="plain-list">{fields.map((field, i) => <li key={i}><code className="break">{fieldText(field)}</code></li>)}</ul> : <p className="muted">Not said.</p>}
    </>
  );
}

function Signature({ detail: { signature, input_example: example, expected_output: expected } }: { detail: VersionDetail }) {
  const none = !signature && example === null;
  return (
    <Section title="What it takes and gives">
      {none && <p className="muted">Nobody said. <code>runward model register … --signature … --input-example …</code> does, and an MLflow model brings its own.</p>}
      {signature && <div className="columns"><div><Fields title="Takes" fields={signature.inputs ?? []} /></div><div><Fields title="Gives" fields={signature.outputs ?? []} /></div></div>}
      {example !== null && <div className="spaced"><h3>Example</h3><CodeBlock code={jsonText(example)} label="input example" /></div>}
      {expected !== null && <div className="spaced"><h3>What it gives for it</h3><CodeBlock code={jsonText(expected)} label="expected output" /></div>}
    </Section>
  );
}

function Handoffs({ detail: { version } }: { detail: VersionDetail }) {
  const query = useQuery(handoffsQuery(version.model, version.version));
  if (!query.data?.length) return null;
  return (
    <Section title="Handed over">
      <Scroll label="Bundles that were handed over">
        <table className="plain-table">
          <thead><tr><th>By</th><th>When</th><th>Accepted by</th><th className="wide">Note</th><th className="wide">Digest</th></tr></thead>
          <tbody>
            {query.data.map((one) => (
              <tr key={one.id}>
                <th scope="row"><Name>{one.by}</Name></th>
                <td className="muted nowrap"><Time at={one.at} /></td>
                <td>{one.accepted_by ? <><Name>{one.accepted_by}</Name> <span className="muted nowrap"><Time at={one.accepted_at} /></span></> : <span className="muted">nobody yet</span>}</td>
                <td className="wide muted break"><bdi>{one.note || "–"}</bdi></td>
                <td className="wide"><IdChip id={one.digest} label="digest" /></td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </Section>
  );
}

function Lineage({ detail: { version, project } }: { detail: VersionDetail }) {
  const of = `model:${version.model}/${version.version}`;
  return (
    <Section title="Lineage">
      {project ? <LineageView project={project} of={of} focus={of} /> : <p className="muted">{version.run_id ? "Its run is not here" : "It was registered without a run"}, so nothing is known of the data behind it.</p>}
    </Section>
  );
}

function Shown({ detail }: { detail: VersionDetail }) {
  const { version, serving, moves } = detail;
  return (
    <>
      <Section title="Made by"><Origin detail={detail} /></Section>
      <Files detail={detail} />
      <Signature detail={detail} />
      {serving.length > 0 && <Section title="Serves"><Deployments records={serving} label="Where it serves" /></Section>}
      <CardSection model={version.model} version={version.version} />
      <Section title="Aliases">{moves.length ? <Moves moves={moves} /> : <p className="muted">No alias ever pointed at it.</p>}</Section>
      <Handoffs detail={detail} />
      <Lineage detail={detail} />
    </>
  );
}

/** One version of a model: what made it, its files, what it takes and gives, its card, who decided, where it serves. */
export default function VersionPage({ name, version }: { name: string; version: string }) {
  const query = useQuery(modelVersionQuery(name, Number(version)));
  const model = useQuery(modelQuery(name));
  const trail: [string, string][] = [["Models & data", "/models"], [name, `/models/${encodeURIComponent(name)}`]];
  const recipe = { cli: `runward model show ${shellQuote(name)} ${version}`, python: `version = workspace.registry.get_version(${pythonString(name)}, ${version})\n` };
  return (
    <Page title={`${name} ${version}`} trail={trail} actions={<>{model.data && query.data && <Promote model={model.data} version={query.data.version} />}{model.data && <WhoSees team={model.data.team} thing={`model:${name}`} />}<CopyAs recipe={recipe} /></>}>
      <Loaded query={query} rows={10}>
        {(detail) => (
          <>
            {detail.version.description && <p className="purpose"><bdi>{detail.version.description}</bdi></p>}
            <p className="byline muted">
              registered <Time at={detail.version.created_at} /> by <Name>{detail.version.created_by}</Name>
              {detail.version.aliases?.map((alias) => <span key={alias} className="tag"><bdi>{alias}</bdi></span>)}
            </p>
            <Shown detail={detail} />
          </>
        )}
      </Loaded>
      {model.isError && !query.isError && <ErrorNote error={model.error} />}
    </Page>
  );
}
