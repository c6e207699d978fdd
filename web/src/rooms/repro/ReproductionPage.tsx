import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import type { VerificationDetail } from "@/api/types";
import { Facts, IdChip, Name, Section, Time } from "@/ui/bits";
import { CodeBlock } from "@/ui/CodeBlock";
import { CopyAs, pythonString } from "@/ui/CopyAs";
import { formatDuration, formatValue } from "@/ui/format";
import { Page } from "@/ui/Page";
import { ErrorNote, Loading } from "@/ui/states";
import { Inputs, Results } from "./Matrix";
import { verificationQuery } from "./queries";
import { outcomesOf, reportOf } from "./report";
import { VerdictBadge } from "./VerdictBadge";

/** Saves a document as a file. */
function download(name: string, content: unknown): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([JSON.stringify(content, null, 2)], { type: "application/json" }));
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}

function Certificate({ detail }: { detail: VerificationDetail }) {
  const { certificate, verification } = detail;
  if (!certificate) return <Section title="Certificate"><p className="muted">None: nothing was earned that could be certified.</p></Section>;
  return (
    <Section title="Certificate" aside={<Button variant="default" size="compact-xs" onClick={() => download(`${verification.id}.dsse.json`, certificate)}>Download</Button>}>
      <p className="muted small">A signed in-toto statement in a DSSE envelope. Others can check it with the workspace’s public key.</p>
      <details><summary>Show</summary><CodeBlock code={JSON.stringify(certificate, null, 2)} label="certificate" /></details>
    </Section>
  );
}

function Story({ detail }: { detail: VerificationDetail }) {
  const { verification } = detail;
  const report = reportOf(detail);
  return (
    <div className="verdict-line">
      <VerdictBadge verification={verification} />
      <p>{verification.reason || "The report gives no reason."}</p>
      {report.cause?.length ? <p className="muted">First cause named: {report.cause.join(", ")}</p> : null}
    </div>
  );
}

/** One verification: the verdict, the matrix behind it, the certificate. */
export default function ReproductionPage({ id }: { id: string }) {
  const query = useQuery(verificationQuery(id));
  const trail: [string, string][] = [["Reproductions", "/reproductions"]];
  if (!query.data) {
    return <Page title="Reproduction" trail={trail}>{query.isError ? <ErrorNote error={query.error} retry={() => void query.refetch()} /> : <Loading rows={10} />}</Page>;
  }
  const detail = query.data;
  const { verification } = detail;
  const report = reportOf(detail);
  const recipe = { cli: `runward verify ${verification.run_id}`, python: `found = workspace.repro.get_verification(${pythonString(id)})\n` };
  const conditions = Object.entries(report.conditions ?? {}).map(([key, value]): [string, string] => [key.replaceAll("_", " "), formatValue(value)]);
  return (
    <Page title={verification.run_name || verification.run_id} trail={trail} actions={<CopyAs recipe={recipe} />}>
      <p className="byline muted">
        Run <Link href={`/runs/${verification.run_id}`}><Name>{verification.run_name || verification.run_id}</Name></Link> in <Link href={`/projects/${verification.project}`}>{verification.project}</Link> ·
        by <Name>{verification.by}</Name> on <span className="mono">{verification.host || "an unnamed host"}</span> · <Time at={verification.at} /> · {formatDuration(verification.duration_s)} · <IdChip id={verification.id} />
      </p>
      <Story detail={detail} />
      <div className="columns">
        <div>
          <Results outcomes={outcomesOf(report)} />
          <Inputs inputs={report.inputs ?? []} />
        </div>
        <div>
          {conditions.length > 0 && <Section title="Conditions"><Facts rows={conditions} /></Section>}
          {report.unchecked?.length ? <Section title="Not checked"><ul className="plain-list">{report.unchecked.map((item) => <li key={item}>{item}</li>)}</ul></Section> : null}
          <Certificate detail={detail} />
        </div>
      </div>
    </Page>
  );
}
