import { useQuery } from "@tanstack/react-query";
import { Fragment, type ReactNode } from "react";
import { Link } from "wouter";
import type { CheckResult, Comparison, ReviewDetail, Run } from "@/api/types";
import { VERDICTS } from "@/ui/badges";
import { Figure, Section } from "@/ui/bits";
import { codeFileQuery } from "@/ui/codeFile";
import { Diffs, FileText, type Notes } from "@/ui/Diff";
import { formatValue, plural } from "@/ui/format";
import { Scroll } from "@/ui/Scroll";
import { Group, ofFurther } from "./Group";
import { deltasQuery } from "./queries";
import { standsAt, type Thread } from "./talk";
import { AskButton, SaidAt, useTalk } from "./Thread";

const MOST_FILES = 20;
type RunReview = ReviewDetail & { run: Run };

interface Props {
  detail: RunReview;
  threads: Thread[];
  /** The two runs side by side, where there is one to compare with. */
  compared: Comparison | undefined;
  /** Lines by file that checks and threads are about, and that no diff shows. */
  pointed: Map<string, number[]>;
}

const at = (threads: Thread[], anchor: string): Thread[] => threads.filter((thread) => standsAt(thread.first) === anchor);

/** A table's row that can be talked about. */
function Row({ anchor, text, threads, columns, children }: { anchor: string; text?: string; threads: Thread[]; columns: number; children: ReactNode }) {
  const { asking } = useTalk();
  const here = at(threads, anchor);
  return (
    <Fragment>
      <tr className="row-talk">{children}<td className="row-ask-cell"><AskButton anchor={anchor} text={text} /></td></tr>
      {(here.length > 0 || asking?.anchor === anchor) && <tr className="diff-said"><td colSpan={columns + 1}><SaidAt threads={here} anchor={anchor} /></td></tr>}
    </Fragment>
  );
}

function Metrics({ detail, threads, compared }: Props) {
  const { run, base } = detail;
  const deltas = useQuery(deltasQuery(run.id));
  const before = compared?.runs[0];
  const keys = [...new Set([...Object.keys(run.metrics), ...Object.keys(before?.metrics ?? {})])].sort();
  if (keys.length === 0) return <p className="muted">The run logged none.</p>;
  const known = base && deltas.data?.baseline_runs.includes(before?.id ?? "") ? deltas.data.metrics : [];
  return (
    <Scroll label="Metrics">
      <table className="plain-table">
        <thead>{before
          ? <tr><th>Metric</th><th className="num">Before</th><th className="num">Now</th><th className="num">Difference</th><th className="num">95 % interval</th><th><span className="sr-only">Talk</span></th></tr>
          : <tr><th>Metric</th><th className="num">Last</th><th className="num">Min</th><th className="num">Max</th><th className="num">Points</th><th><span className="sr-only">Talk</span></th></tr>}</thead>
        <tbody>
          {keys.map((key) => {
            const metric = run.metrics[key];
            const was = before?.metrics?.[key];
            const delta = known.find((one) => one.key === key);
            const head = <th scope="row"><Link href={`/runs/${run.id}/metrics?m=${encodeURIComponent(key)}`}>{key}</Link></th>;
            const difference = metric?.last != null && was?.last != null ? metric.last - was.last : null;
            return (
              <Row key={key} anchor={`metrics.${key}`} threads={threads} columns={5}>
                {before ? (
                  <>
                    {head}
                    <td className="num"><Figure value={was?.last} special={was?.last_special} /></td>
                    <td className="num"><Figure value={metric?.last} special={metric?.last_special} /></td>
                    <td className="num"><Figure value={difference} /></td>
                    <td className="num" title={delta ? `Welch, n = ${delta.n} against ${delta.baseline_n}` : "One run on each side says nothing about spread"}>
                      {delta?.low != null && delta.high != null ? <><Figure value={delta.low} /> to <Figure value={delta.high} /> <span className={delta.verdict === "not distinguishable" ? "muted small" : "small"}>{delta.verdict}</span></> : "–"}
                    </td>
                  </>
                ) : (
                  <>
                    {head}
                    <td className="num"><Figure value={metric?.last} special={metric?.last_special} /></td>
                    <td className="num"><Figure value={metric?.min} /></td>
                    <td className="num"><Figure value={metric?.max} /></td>
                    <td className="num">{metric?.n ?? 0}</td>
                  </>
                )}
              </Row>
            );
          })}
        </tbody>
      </table>
    </Scroll>
  );
}

function Params({ detail: { run }, threads, compared }: Props) {
  const before = compared?.runs[0]?.params;
  const keys = [...new Set([...Object.keys(run.params ?? {}), ...Object.keys(before ?? {})])].sort();
  if (keys.length === 0) return <p className="muted">The run was given none.</p>;
  const shown = before ? [...keys].sort((a, b) => Number(differs(b)) - Number(differs(a))) : keys;
  function differs(key: string): boolean {
    return JSON.stringify(run.params?.[key]) !== JSON.stringify(before?.[key]);
  }
  return (
    <Scroll label="Parameters">
      <table className="plain-table">
        {before && <thead><tr><th>Parameter</th><th>Before</th><th>Now</th><th><span className="sr-only">Talk</span></th></tr></thead>}
        <tbody>
          {shown.map((key) => (
            <Row key={key} anchor={`params.${key}`} text={formatValue(run.params?.[key])} threads={threads} columns={before ? 3 : 2}>
              <th scope="row">{key}</th>
              {before && <td className={differs(key) ? "mono diff-del" : "mono muted"}>{key in before ? formatValue(before[key]) : "∅"}</td>}
              <td className={before && differs(key) ? "mono diff-add" : "mono"}>{run.params && key in run.params ? formatValue(run.params[key]) : "∅"}</td>
            </Row>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function Environment({ compared }: { compared: Comparison }) {
  const rows = compared.environment.filter((row) => row.differs);
  if (rows.length === 0) return null;
  return (
    <Section title="Environment" aside={<span className="muted small">what differs</span>}>
      <Scroll label="Environment">
        <table className="plain-table">
          <thead><tr><th>Name</th><th>Before</th><th>Now</th></tr></thead>
          <tbody>{rows.map((row) => <tr key={row.key}><th scope="row">{row.key}</th><td className="mono diff-del">{formatValue(row.values[0])}</td><td className="mono diff-add">{formatValue(row.values[1])}</td></tr>)}</tbody>
        </table>
      </Scroll>
    </Section>
  );
}

/** What checks found at lines of code, by `file:line`; what passes says nothing there. */
function evidenceByLine(checks: CheckResult[]): Map<string, { check: CheckResult; message: string }[]> {
  const found = new Map<string, { check: CheckResult; message: string }[]>();
  for (const check of checks) {
    if (check.verdict === "pass") continue;
    for (const { file, line, message } of check.evidence) {
      if (file && line) found.set(`${file}:${line}`, [...(found.get(`${file}:${line}`) ?? []), { check, message }]);
    }
  }
  return found;
}

/** What is said at the lines of a diff: by checks, and in threads. */
function useNotes(detail: ReviewDetail, threads: Thread[]): Notes {
  const { asking, ask } = useTalk();
  const seen = evidenceByLine(detail.checks);
  const said = (anchor: string): ReactNode => {
    const here = at(threads, anchor);
    const evidence = seen.get(anchor) ?? [];
    if (here.length === 0 && evidence.length === 0 && asking?.anchor !== anchor) return null;
    return (
      <>
        {evidence.map(({ check, message }) => <p key={check.name + message} className="line-evidence small"><span className={`tone-${VERDICTS[check.verdict]?.tone ?? "grey"}`}>{VERDICTS[check.verdict]?.sign} {check.name.replaceAll("_", " ")}</span> {message}</p>)}
        <SaidAt threads={here} anchor={anchor} />
      </>
    );
  };
  return { at: said, ask: (anchor, text) => ask({ anchor, text }) };
}

/** A file that checks or threads are about, where they are. */
function Pointed({ run, path, focus, notes }: { run: string; path: string; focus: number[]; notes: Notes }) {
  const query = useQuery(codeFileQuery(run, path));
  if (query.isPending) return <p className="muted small mono">{path} …</p>;
  if (query.isError) return <>{[...new Set(focus)].map((line) => <div key={line}>{notes.at(`${path}:${line}`)}</div>)}</>;
  return <FileText path={path} text={query.data.text} focus={focus} notes={notes} />;
}

/** What a proposal would change. */
export function ProposedChange({ detail, threads }: { detail: ReviewDetail; threads: Thread[] }) {
  const notes = useNotes(detail, threads);
  if (detail.withheld) return <Section title="Proposed change"><p className="note tone-amber">The text, and what was said of it, are left out: it is of a restricted page, read by who may read restricted data.</p></Section>;
  return <Section title="Proposed change"><Diffs files={detail.changes} none="It says what stands already." notes={notes} /></Section>;
}

/** What the review is about: figures, parameters, environment, code, each beside what it is compared with. */
export function Changes(props: Props) {
  const { detail, threads, compared, pointed } = props;
  const { run, changes } = detail;
  const notes = useNotes(detail, threads);
  return (
    <div className="review-changes">
      {detail.further && detail.further.length > 0 && <Group runs={[run, ...detail.further]} />}
      <Section title={detail.further?.length ? `Metrics of ${run.name}` : "Metrics"} aside={<Link href={`/runs/${run.id}/metrics`}>Curves</Link>}><Metrics {...props} /></Section>
      <Section title="Parameters" aside={<Link href={`/runs/${run.id}/config`}>With their origins</Link>}><Params {...props} /></Section>
      {compared && <Environment compared={compared} />}
      {compared ? (
        <Section title="Code" aside={<Link href={`/runs/${run.id}/code`}>All code</Link>}>
          <Diffs files={[...compared.code, ...ofFurther(changes, detail.further ?? [])]} none="Both runs ran the same code." notes={notes} />
        </Section>
      ) : (
        <Section title="Code that was not committed" aside={<Link href={`/runs/${run.id}/code`}>All code</Link>}>
          <Diffs files={changes} none={run.commit ? `None: the run is commit ${run.commit.slice(0, 8)} as it stands.` : "No difference was captured."} notes={notes} />
        </Section>
      )}
      {pointed.size > 0 && (
        <Section title="Code the checks are about" aside={<span className="muted small">as it ran</span>}>
          <div className="diffs">{[...pointed].slice(0, MOST_FILES).map(([path, focus]) => <Pointed key={path} run={run.id} path={path} focus={focus} notes={notes} />)}</div>
          {pointed.size > MOST_FILES && <p className="muted small">{plural(pointed.size - MOST_FILES, "more file")} under All code.</p>}
        </Section>
      )}
    </div>
  );
}
