import { Button } from "@mantine/core";
import type { VerificationDetail } from "@/api/types";
import { Facts, IdChip, Section } from "@/ui/bits";
import { CodeBlock } from "@/ui/CodeBlock";
import { formatUtc, formatValue, plural } from "@/ui/format";
import { saveText } from "@/ui/save";
import { statementOf } from "./report";

const NAMED = 12;

/** The signed statement, with what it names, and how others check it. */
export function Certificate({ detail }: { detail: VerificationDetail }) {
  const { certificate, verification } = detail;
  if (!certificate) return <Section title="Certificate"><p className="muted">{verification.level === "none" ? "None: nothing was earned that could be certified." : "None was made: the server cannot sign."}</p></Section>;
  const statement = statementOf(certificate);
  const file = `${verification.id}.dsse.json`;
  const inputs = Object.entries((statement?.predicate.inputs as Record<string, string> | undefined) ?? {});
  const unchecked = statement?.predicate.unchecked as unknown[] | undefined;
  return (
    <Section title="Certificate" aside={<Button variant="default" size="compact-xs" onClick={() => saveText(file, JSON.stringify(certificate, null, 2), "application/json")}>Download</Button>}>
      {statement ? (
        <Facts rows={[
          ["States", `${formatValue(statement.predicate.verdict)}, level ${formatValue(statement.predicate.level)}`],
          ["Signed at", formatUtc(formatValue(statement.predicate.at))],
          ["Names", <ul key="n" className="plain-list">{statement.subject.slice(0, NAMED).map((one) => <li key={one.name}><span className="mono break"><bdi>{one.name}</bdi></span> <IdChip id={Object.values(one.digest)[0] ?? ""} label={`digest of ${one.name}`} /></li>)}{statement.subject.length > NAMED && <li className="muted">and {statement.subject.length - NAMED} more</li>}</ul>],
          ["Inputs", <ul key="i" className="plain-list">{inputs.map(([kind, digest]) => <li key={kind}>{kind} <IdChip id={digest} label={`digest of ${kind}`} /></li>)}</ul>],
          ["Not checked", unchecked?.length ? plural(unchecked.length, "thing") : "nothing is left out"],
        ]} />
      ) : <p className="tone-amber">It cannot be read: its payload is no statement.</p>}
      <p className="muted small spaced">An in-toto statement in a DSSE envelope. Anybody checks it offline:</p>
      <CodeBlock code={`runward verify --certificate ${file} --key public.pem`} label="shell" />
      <details><summary className="small">The envelope</summary><CodeBlock code={JSON.stringify(certificate, null, 2)} label="certificate" /></details>
    </Section>
  );
}
