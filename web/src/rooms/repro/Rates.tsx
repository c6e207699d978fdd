import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import { ratesQuery } from "@/api/repro";
import type { LevelRate } from "@/api/types";
import { BADGES } from "@/ui/badges";
import { Section } from "@/ui/bits";
import { formatCount, plural } from "@/ui/format";
import { Scroll } from "@/ui/Scroll";
import { Loaded } from "@/ui/states";
import { changed } from "@/ui/urlState";

const percent = (share: number) => `${Math.round(share * 100)} %`;

/** The rate on a line from nothing to all, with its interval. */
function Bar({ rate }: { rate: LevelRate }) {
  if (rate.rate === null || rate.low === null || rate.high === null) return null;
  const at = (share: number) => `${2 + share * 96}%`;
  return (
    <svg className="rate-bar" aria-hidden="true">
      <line className="rate-all" x1={at(0)} x2={at(1)} y1="50%" y2="50%" />
      <line className="rate-interval" x1={at(rate.low)} x2={at(rate.high)} y1="50%" y2="50%" />
      <circle cx={at(rate.rate)} cy="50%" r="4" />
    </svg>
  );
}

function Count({ n, level, verdict, search }: { n: number; level: string; verdict: string; search: string }) {
  if (n === 0) return <span className="muted">0</span>;
  return <Link href={`/reproductions?${changed(search, { level: level || null, verdict: verdict || null })}`}>{formatCount(n)}</Link>;
}

function Row({ rate, search }: { rate: LevelRate; search: string }) {
  const spec = rate.level ? BADGES[rate.level as "basic"] : null;
  const counts: [number, string][] = [[rate.differs, "not_reproduced"], [rate.undecided, "undecided"], [rate.unearned, "reproduced"]];
  return (
    <tr>
      <th scope="row" className="nowrap">{spec ? <><span aria-hidden="true" className="badge-sign tone-green">{spec.sign}</span> {spec.word}</> : "Any level"}</th>
      <td className="num nowrap"><strong>{formatCount(rate.reproduced)}</strong> of <Count n={rate.attempted} level={rate.level} verdict="" search={search} /></td>
      <td className="num nowrap">{rate.rate === null ? <span className="muted">not attempted</span> : percent(rate.rate)}</td>
      <td className="wide"><Bar rate={rate} /></td>
      <td className="num wide nowrap muted">{rate.low === null || rate.high === null ? "–" : `${percent(rate.low)} to ${percent(rate.high)}`}</td>
      {counts.map(([n, verdict]) => <td key={verdict} className="num wide"><Count n={n} level={rate.level} verdict={verdict} search={search} /></td>)}
      <td className="num wide">{rate.outdated ? formatCount(rate.outdated) : <span className="muted">0</span>}</td>
    </tr>
  );
}

/** How much of what could be reproduced was tried, and how much of that holds, level by level. */
export function Rates({ project, search }: { project: string; search: string }) {
  const query = useQuery(ratesQuery(project));
  return (
    <Loaded query={query} rows={4}>
      {({ eligible, overall, levels }) => (
        <Section title="Reproduced of attempted" aside={<span className="muted small">{formatCount(overall.attempted)} attempted of {plural(eligible, "eligible run")}</span>}>
          <Scroll label="Rates">
            <table className="plain-table rates">
              <thead><tr><th>Level</th><th className="num">Reproduced</th><th className="num">Rate</th><th className="wide"><span className="sr-only">Rate and interval on a line</span></th><th className="num wide">95 % interval</th><th className="num wide">Differs</th><th className="num wide">Undecided</th><th className="num wide">Not under its conditions</th><th className="num wide">Outdated</th></tr></thead>
              <tbody>{[...levels, overall].map((rate) => <Row key={rate.level} rate={rate} search={search} />)}</tbody>
            </table>
          </Scroll>
          <p className="muted small">Eligible is a finished run whose code was captured. A run counts once at a level, by its newest attempt; attempts that could not be decided count as attempted. Wilson’s interval.</p>
        </Section>
      )}
    </Loaded>
  );
}
