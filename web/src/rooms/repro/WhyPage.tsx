import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "wouter";
import { explanationQuery } from "@/api/repro";
import type { ExplainedDifference, ExplanationDetail } from "@/api/types";
import { Badge } from "@/ui/Badge";
import { BADGES } from "@/ui/badges";
import { IdChip, Name, Section, Time } from "@/ui/bits";
import { CopyAs, pythonString } from "@/ui/CopyAs";
import { ANSWERS } from "@/ui/Explanations";
import { formatDuration, plural } from "@/ui/format";
import { Page } from "@/ui/Page";
import { Scroll } from "@/ui/Scroll";
import { SideBySide } from "@/ui/SideBySide";
import { ErrorNote, Loading } from "@/ui/states";
import { headsOf, isProof, notInvolved, putBackOf, sentenceOf } from "./story";

const SHOWN = 30;

function Shown({ difference, detail }: { difference: ExplainedDifference; detail: ExplanationDetail }) {
  const { kind, name, before, after } = difference;
  return (
    <div className="difference">
      <h3>{kind !== name && <><span className="muted">{kind}</span> </>}<bdi className="mono break">{name}</bdi></h3>
      {before || after
        ? <SideBySide before={before} after={after} heads={headsOf(detail)} label={`${kind} ${name} in both runs`} />
        : <p className="muted small">Its content is not shown as text.</p>}
    </div>
  );
}

function Ladder({ detail: { report } }: { detail: ExplanationDetail }) {
  const reruns = report.reruns ?? [];
  const seconds = reruns.reduce((sum, rerun) => sum + rerun.seconds, 0);
  const alone = report.first === report.second;
  if (reruns.length === 0) return <Section title="How it was shown"><p className="muted">Nothing was run again.</p></Section>;
  return (
    <Section title={report.answer === "undecided" ? "What was tried" : "How it was shown"} aside={<span className="muted small">{plural(reruns.length, "rerun")}, {formatDuration(seconds)}</span>}>
      <Scroll label="Reruns">
        <table className="plain-table ladder">
          <thead><tr><th className="num">#</th><th>{alone && !report.cause?.length ? "What was fixed" : "What was put back"}</th><th>What came out</th><th className="num">Took</th></tr></thead>
          <tbody>
            {reruns.map((rerun, i) => {
              const proof = isProof(rerun, report);
              const words = putBackOf(rerun);
              return (
                <tr key={i} className={proof ? "proof" : undefined}>
                  <td className="num">{i + 1}</td>
                  <td className="break">{words.length === 0 ? <span className="muted">nothing: as it was</span> : <ul className="plain-list">{words.slice(0, 8).map((word) => <li key={word} className="mono"><bdi>{word}</bdi></li>)}{words.length > 8 && <li className="muted">and {words.length - 8} more</li>}</ul>}</td>
                  <td className="break">{proof && <span className="tone-green badge-sign" aria-hidden="true">✓ </span>}{rerun.result}{proof && <span className="sr-only">: this shows the answer</span>}</td>
                  <td className="num nowrap">{formatDuration(rerun.seconds)}{rerun.remembered && <span className="muted small block">earlier</span>}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </Scroll>
    </Section>
  );
}

function Others({ detail }: { detail: ExplanationDetail }) {
  const [all, setAll] = useState(false);
  const found = notInvolved(detail.report);
  if (found.length === 0) return null;
  const undecided = detail.report.answer === "undecided";
  return (
    <Section title={undecided ? "What differs" : "Differs too, and is not needed for it"} aside={<span className="muted small">{plural(found.length, "difference")}</span>}>
      {(all ? found : found.slice(0, SHOWN)).map((difference) => (
        <details key={`${difference.kind} ${difference.name}`} className="check">
          <summary>{difference.kind !== difference.name && <><span className="muted">{difference.kind}</span> </>}<bdi className="mono break">{difference.name}</bdi></summary>
          <SideBySide before={difference.before} after={difference.after} heads={headsOf(detail)} label={`${difference.kind} ${difference.name}`} />
        </details>
      ))}
      {!all && found.length > SHOWN && <button type="button" className="link" onClick={() => setAll(true)}>Show all {found.length}</button>}
    </Section>
  );
}

/** Why two results differ, or one run from itself: the answer, what it stands on, and what was not tried. */
export default function WhyPage({ id }: { id: string }) {
  const query = useQuery(explanationQuery(id));
  const trail: [string, string][] = [["Reproductions", "/reproductions"]];
  if (!query.data) return <Page title="Why" trail={trail}>{query.isError ? <ErrorNote error={query.error} retry={() => void query.refetch()} /> : <Loading rows={10} />}</Page>;
  const detail = query.data;
  const { explanation: line, report } = detail;
  const alone = line.first_id === line.second_id;
  const recipe = { cli: `runward why ${line.first_id}${alone ? "" : ` ${line.second_id}`}`, python: `found = workspace.findings.get_explanation(${pythonString(id)})\n` };
  const cause = report.cause ?? [];
  return (
    <Page title={alone ? `Does ${line.first_name} repeat?` : `Why does ${line.second_name} differ from ${line.first_name}?`} trail={trail} actions={<CopyAs recipe={recipe} />}>
      <p className="byline muted">
        <Link href={`/runs/${line.first_id}`}><Name>{line.first_name}</Name></Link>
        {!alone && <> and <Link href={`/runs/${line.second_id}`}><Name>{line.second_name}</Name></Link> · <Link href={`/compare?run=${line.first_id}&run=${line.second_id}&tab=pair`}>compare them</Link></>} ·
        by <Name>{line.by}</Name>{line.host && <> on <span className="mono">{line.host}</span></>} · <Time at={line.at} /> · {formatDuration(line.duration_s)} · <IdChip id={line.id} />
      </p>
      <div className="verdict-line">
        <span className="badges"><Badge spec={ANSWERS[report.answer]} />{line.outdated && <Badge spec={BADGES.outdated} />}</span>
        <p className="answer break"><bdi>{sentenceOf(detail)}</bdi></p>
        {report.answer === "undecided" && <p className="muted break whole"><bdi>{report.reason}</bdi></p>}
      </div>
      {cause.length > 0 && (
        <Section title={cause.length === 1 ? "The cause" : "The causes, only together"} aside={<span className="muted small">nothing can be left out of it</span>}>
          {cause.map((difference) => <Shown key={`${difference.kind} ${difference.name}`} difference={difference} detail={detail} />)}
        </Section>
      )}
      {report.set_aside?.length ? <p className="muted break"><bdi>Runs had written {report.set_aside.join(", ")}; that was put back to what the first one found, and is nobody’s change.</bdi></p> : null}
      <Ladder detail={detail} />
      <Others detail={detail} />
      {report.not_tried?.length ? <Section title="Not tried"><ul className="plain-list">{report.not_tried.map((text) => <li key={text} className="break"><bdi>{text}</bdi></li>)}</ul><p className="muted small">It differs too and could not be put back here, so nothing is said of it.</p></Section> : null}
    </Page>
  );
}
