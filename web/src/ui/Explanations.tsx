import { Link } from "wouter";
import type { ExplanationLine } from "@/api/types";
import { BADGES, type BadgeSpec } from "./badges";
import { Badge } from "./Badge";
import { Name, Section, Time } from "./bits";

/** What an explanation came to. */
export const ANSWERS: Record<ExplanationLine["answer"], BadgeSpec> = {
  shown: { sign: "✓", word: "shown", tone: "green", meaning: "Reruns show it: put back, the first result comes out again." },
  nothing_differs: { sign: "≡", word: "repeats", tone: "green", meaning: "Run again, it gives the recorded result." },
  undecided: { sign: "?", word: "undecided", tone: "grey", meaning: "No cause was shown, so none is named." },
};

/** Explanations that speak of a run, seen from that run. */
export function Explanations({ lines, runId }: { lines: ExplanationLine[]; runId: string }) {
  if (lines.length === 0) return null;
  const against = (line: ExplanationLine) => (line.first_id === line.second_id ? null : line.first_id === runId ? line.second_name : line.first_name);
  return (
    <Section title="Why">
      <ul className="plain-list why-list">
        {lines.map((line) => (
          <li key={line.id}>
            <span className="badges"><Badge quiet spec={ANSWERS[line.answer]} />{line.outdated && <Badge quiet spec={BADGES.outdated} />}</span>
            <Link href={`/why/${line.id}`} className="break"><bdi>{line.reason}</bdi></Link>
            <span className="muted small">{against(line) === null ? "by itself" : <>against <Name>{against(line) ?? ""}</Name></>} · <Time at={line.at} /></span>
          </li>
        ))}
      </ul>
    </Section>
  );
}
