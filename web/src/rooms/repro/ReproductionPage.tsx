import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import { explanationsQuery, verificationQuery } from "@/api/repro";
import type { VerificationDetail } from "@/api/types";
import { Badge } from "@/ui/Badge";
import { comparedBadge } from "@/ui/badges";
import { Facts, IdChip, Name, Section, Time } from "@/ui/bits";
import { CopyAs, pythonString } from "@/ui/CopyAs";
import { Explanations } from "@/ui/Explanations";
import { formatDuration, formatValue } from "@/ui/format";
import { Page } from "@/ui/Page";
import { ErrorNote, Loading } from "@/ui/states";
import { WhoSees } from "@/ui/WhoSees";
import { Certificate } from "./Certificate";
import { Differences } from "./Differences";
import { Inputs, Results } from "./Matrix";
import { outcomesOf, type RawReport, reportOf } from "./report";
import { Statistical } from "./Statistical";
import { VerdictBadge } from "./VerdictBadge";

function Story({ detail }: { detail: VerificationDetail }) {
  const { verification } = detail;
  const report = reportOf(detail);
  const lower = verification.verdict === "reproduced" && verification.attempted && verification.attempted !== verification.level;
  return (
    <div className="verdict-line">
      <VerdictBadge verification={verification} />
      <p className="break"><bdi>{verification.reason || "The report gives no reason."}</bdi></p>
      {lower && <p className="muted">Asked for was the level {verification.attempted}; it was not earned.</p>}
      {report.cause?.length ? <p className="muted break whole">Differs, the most telling first: {report.cause.slice(0, 6).join(", ")}{report.cause.length > 6 && ` and ${report.cause.length - 6} more`}. That is no proof of a cause: <code>runward why {verification.run_id}</code> looks for it by reruns.</p> : null}
    </div>
  );
}

/** What another machine may do to the result, in words. */
function Varied({ report: { variation } }: { report: RawReport }) {
  if (!variation) return null;
  const pairs = (found: Record<string, string> | undefined) => Object.entries(found ?? {}).map(([key, value]) => `${key}=${value}`).join(" ");
  const held = ["identical", "within_tolerance", "equivalent"].includes(variation.status);
  return (
    <Section title="On another machine" aside={<Badge quiet spec={comparedBadge(variation.status)} />}>
      <p>It was run once more with {variation.name}: {held ? "the result stayed the same, so it does not seem to hang on this machine." : variation.status === "different" ? "the result changed, so another machine may give another one too." : "that could not be decided."}</p>
      {variation.detail && <p className="muted break">{variation.detail}</p>}
      <Facts rows={[["Set", <code key="s" className="break">{pairs(variation.variables) || "–"}</code>], ["Libraries used", <code key="u" className="break">{pairs(variation.used) || "–"}</code>]]} />
      <p className="muted small">It earns and costs no level.</p>
    </Section>
  );
}

function Conditions({ report }: { report: RawReport }) {
  const { reads_seen: seen, ...rest } = report.conditions ?? {};
  const rows = Object.entries(rest).filter(([, value]) => value !== "" && !(Array.isArray(value) && value.length === 0)).map(([key, value]): [string, string] => [key.replaceAll("_", " "), value === true ? "yes" : value === false ? "no" : formatValue(value)]);
  const reads = Object.entries((seen as Record<string, number> | undefined) ?? {}).map(([who, count]) => `${who} ${count}`).join(", ");
  if (rows.length === 0) return null;
  return <Section title="Conditions"><Facts rows={reads ? [...rows, ["reads seen by", reads]] : rows} /></Section>;
}

/** One verification: the verdict, the matrix behind it, the numbers, the certificate. */
export default function ReproductionPage({ id }: { id: string }) {
  const query = useQuery(verificationQuery(id));
  const runId = query.data?.verification.run_id ?? "";
  const explanations = useQuery({ ...explanationsQuery(runId), enabled: runId !== "" });
  const trail: [string, string][] = [["Reproductions", "/reproductions"]];
  if (!query.data) {
    return <Page title="Reproduction" trail={trail}>{query.isError ? <ErrorNote error={query.error} retry={() => void query.refetch()} /> : <Loading rows={10} />}</Page>;
  }
  const detail = query.data;
  const { verification } = detail;
  const report = reportOf(detail);
  const level = verification.attempted || (verification.level === "none" ? "" : verification.level);
  const recipe = { cli: `runward verify ${verification.run_id}${level && ` --level ${level}`}`, python: `found = workspace.repro.get_verification(${pythonString(id)})\n` };
  return (
    <Page title={verification.run_name || verification.run_id} trail={trail} actions={<><WhoSees project={verification.project} /><CopyAs recipe={recipe} /></>}>
      <p className="byline muted">
        Run <Link href={`/runs/${verification.run_id}`}><Name>{verification.run_name || verification.run_id}</Name></Link> in <Link href={`/projects/${verification.project}`}>{verification.project}</Link> ·
        by <Name>{verification.by}</Name> on <span className="mono">{verification.host || "an unnamed host"}</span> · <Time at={verification.at} /> · {formatDuration(verification.duration_s)} · <IdChip id={verification.id} />
      </p>
      <Story detail={detail} />
      <div className="axes">
        <Inputs inputs={report.inputs ?? []} />
        <Results outcomes={outcomesOf(report)} status={report.result?.status ?? ""} />
      </div>
      <p className="muted small axes-note">Two axes, neither concluded from the other: equal inputs do not make a result equal, nor does an equal result show equal inputs.</p>
      <div className="columns">
        <div>
          <Statistical report={report} />
          <Differences inputs={report.inputs ?? []} />
          <Varied report={report} />
          <Explanations lines={explanations.data ?? []} runId={verification.run_id} />
        </div>
        <div>
          <Conditions report={report} />
          {report.unchecked?.length ? <Section title="Not checked"><ul className="plain-list">{report.unchecked.slice(0, 50).map((item) => <li key={item} className="break">{item}</li>)}{report.unchecked.length > 50 && <li className="muted">and {report.unchecked.length - 50} more</li>}</ul></Section> : null}
          <Certificate detail={detail} />
        </div>
      </div>
    </Page>
  );
}
