import type { Health } from "@/api/types";
import { formatDuration } from "@/ui/format";

/** How a state is shown: by a sign, a word and a colour. */
export const STATES: Record<Health["state"], { sign: string; word: string; tone: string }> = {
  well: { sign: "✓", word: "well", tone: "tone-green" },
  ailing: { sign: "!", word: "look at it", tone: "tone-amber" },
  failing: { sign: "✗", word: "does not work", tone: "tone-red" },
};

/** The server's words for its work, in words for people. */
export const WORK: Record<string, string> = {
  points: "Points of runs that are over, packed",
  cards: "Values of runs, gathered for lists",
  locks: "Packages of environments, listed",
  "dataset spans": "Versions of datasets, compared",
  erasures: "Erasures, carried on",
  "search index": "The search index",
  retention: "Rules of retention",
  "audit checkpoints": "Checkpoints of the audit trail",
  keys: "Keys whose end has come",
  deliveries: "Web hooks and messages to forges",
  tables: "Points as Parquet",
  metrics: "Figures for Prometheus",
};

const NOTABLE_S = 2;

const told = (seconds: number, who: string): string =>
  `${who} ${formatDuration(Math.abs(seconds))} ${seconds > 0 ? "ahead of" : "behind"} the server's`;

/** How far the clocks of the database and of this browser are from the server's, where it is worth a word. */
export function apart(health: Pick<Health, "at" | "database">, now: number = Date.now()): string {
  const words = [];
  if (Math.abs(health.database.clock_ahead_s) > NOTABLE_S) words.push(told(health.database.clock_ahead_s, "the database's is"));
  const here = (now - Date.parse(health.at)) / 1000;
  // The answer is shown until the next one comes: only what is more than that is a difference.
  if (here < -NOTABLE_S || here > 60) words.push(told(here, "this browser's is"));
  return words.length > 0 ? words.join("; ") : "agree";
}
