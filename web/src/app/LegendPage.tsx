import { Link } from "wouter";
import { Badge } from "@/ui/Badge";
import { BADGES, type BadgeSpec, COMPARED, JOBS, STATUS, VERDICTS } from "@/ui/badges";
import { Section } from "@/ui/bits";
import { Page } from "@/ui/Page";

const GROUPS: [string, BadgeSpec[]][] = [
  ["Reproduction and review", Object.values(BADGES)],
  ["Runs", Object.values(STATUS)],
  ["Checks and gates", Object.values(VERDICTS)],
  ["Inputs and results compared", Object.values(COMPARED)],
  ["Verifications that were asked for", Object.values(JOBS)],
];

/** The one legend of all badges. */
export default function LegendPage() {
  return (
    <Page title="What the badges mean" trail={[]}>
      <p className="muted lead">Every badge is a sign and a word, and opens the evidence it stands for: a <Link href="/reproductions">verification</Link>, a <Link href="/reviews">review</Link>. What could not be decided is a state of its own and never counts as a yes.</p>
      {GROUPS.map(([title, specs]) => (
        <Section key={title} title={title}>
          <dl className="legend">
            {specs.map((spec) => (
              <div key={spec.word}><dt><Badge spec={spec} /></dt><dd>{spec.meaning}</dd></div>
            ))}
          </dl>
        </Section>
      ))}
    </Page>
  );
}
