import type { Mark, RunStatus } from "@/api/types";

export type Tone = "green" | "amber" | "red" | "grey" | "accent";

export interface BadgeSpec {
  sign: string;
  word: string;
  tone: Tone;
  meaning: string;
}

const spec = (sign: string, word: string, tone: Tone, meaning: string): BadgeSpec => ({ sign, word, tone, meaning });

/** Every badge of the product with what it means; the legend page shows exactly this table. */
export const BADGES = {
  basic: spec("≡", "Basic", "green", "A rerun of the captured code, packages, seeds and data gave bit-identical results."),
  environment: spec("≡", "Environment", "green", "The same, in an environment that was rebuilt from nothing but the captured lock."),
  statistical: spec("≈", "Statistical", "green", "Repeated runs agree within the stated margin, with n, interval and test."),
  conceptual: spec("∴", "Conceptual", "green", "An independent implementation came to the same conclusion."),
  not_reproduced: spec("≠", "differs", "amber", "It was rerun and the result differs; the report names the first input that does."),
  reproduced: spec("≡", "no level", "grey", "A rerun gave the same result, under other conditions than a level asks for; the report names them."),
  undecided: spec("?", "undecided", "grey", "It was tried and could not be decided: an input or the machine was missing."),
  not_attempted: spec("∅", "not attempted", "grey", "Nobody has tried to reproduce it yet."),
  team_result: spec("✓", "team result", "green", "A review of exactly this content was approved and applied."),
  in_review: spec("◌", "in review", "accent", "A review is open."),
  changes_requested: spec("✎", "changes requested", "amber", "A reviewer asked for changes."),
  not_reviewed: spec("!", "not reviewed", "amber", "An admin let it pass without what the review still asked for; the reason is written down."),
  draft: spec("✐", "draft", "grey", "It is being prepared; nobody is asked to decide yet."),
  approved: spec("✓", "approved", "green", "Nothing is missing; somebody has to apply it."),
  applied: spec("✓", "applied", "green", "Approved, and done in the same moment: a team result, an alias that moved, standards or a page in force."),
  rejected: spec("✗", "rejected", "red", "A review ended with a no and a reason."),
  withdrawn: spec("–", "withdrawn", "grey", "The review was taken back."),
  outdated: spec("⟳", "outdated", "amber", "The run changed after the evidence was given; it no longer counts."),
  gates_pass: spec("✓", "gates pass", "green", "All standards of the project hold on this content."),
  gates_fail: spec("✗", "gate closed", "red", "At least one required standard does not hold."),
} as const satisfies Record<string, BadgeSpec>;

export type BadgeKey = keyof typeof BADGES;

const ALIASES: Record<string, BadgeKey> = {
  open: "in_review", differs: "not_reproduced", none: "not_attempted",
  pass: "gates_pass", passed: "gates_pass", fail: "gates_fail", failed: "gates_fail", closed: "gates_fail",
};

/** The badge for a verdict, level or state by its stored word. */
export function badgeFor(word: string): BadgeSpec {
  const key = word.toLowerCase().replaceAll(/[\s-]+/g, "_");
  const known = (BADGES as Record<string, BadgeSpec>)[key] ?? BADGES[ALIASES[key] ?? "undecided"];
  return key in BADGES || key in ALIASES ? known : spec("·", word, "grey", word);
}

/** The badge for what an upper room noted on a run. */
export function badgeOfMark(mark: Mark): BadgeSpec {
  if (mark.kind === "team_result" && mark.label !== "outdated") return BADGES.team_result;
  if (mark.kind === "not_reviewed" && mark.label !== "outdated") return BADGES.not_reviewed;
  return badgeFor(mark.label || mark.kind);
}

/** Where the evidence behind a mark is shown. */
export function hrefOfMark(mark: Mark, runId: string): string {
  if (mark.kind === "verification") return `/reproductions/${mark.ref}`;
  if (["review", "team_result", "not_reviewed"].includes(mark.kind)) return `/reviews/${mark.ref}`;
  return `/runs/${runId}`;
}

/** How a run stands: sign, word, tone. */
export const STATUS: Record<RunStatus, BadgeSpec> = {
  running: spec("▸", "running", "accent", "It is running now."),
  finished: spec("●", "finished", "green", "It ended with exit code 0."),
  failed: spec("✗", "failed", "red", "It ended with an error; the Output tab has its last lines."),
  cancelled: spec("–", "cancelled", "grey", "Somebody stopped it."),
  timed_out: spec("◷", "timed out", "amber", "It ran past its time limit."),
};

/** Where a verification stands that was asked for. */
export const JOBS = {
  queued: spec("◌", "queued", "accent", "It waits for a worker."),
  running: spec("▸", "running", "accent", "A worker reruns it now."),
  done: spec("✓", "done", "green", "A verification was recorded."),
  failed: spec("✗", "failed", "red", "None could be recorded; the reason says why."),
  cancelled: spec("–", "cancelled", "grey", "Somebody stopped it."),
} as const satisfies Record<string, BadgeSpec>;

/** How an input, a result or a rerun compares. */
export const COMPARED: Record<string, BadgeSpec> = {
  same: spec("≡", "same", "green", "Both runs had the same."),
  identical: spec("≡", "identical", "green", "Bit for bit the same."),
  within_tolerance: spec("≈", "within tolerance", "green", "Within the stated margin."),
  equivalent: spec("≈", "equivalent", "green", "Statistically, up to the declared margin."),
  different: spec("≠", "differs", "amber", "The two runs had different values."),
  missing: spec("∅", "missing", "amber", "The rerun did not produce it."),
  added: spec("+", "added", "amber", "Only the rerun produced it."),
  unchecked: spec("?", "unchecked", "grey", "It could not be compared."),
  undecided: spec("?", "undecided", "grey", "It could not be decided."),
};

/** The badge for how something compares. */
export const comparedBadge = (status: string): BadgeSpec => COMPARED[status] ?? spec("?", status.replaceAll("_", " "), "grey", status);

/** Verdicts of a check. */
export const VERDICTS: Record<string, BadgeSpec> = {
  pass: spec("✓", "pass", "green", "It holds."),
  warn: spec("!", "warning", "amber", "It holds, with a remark."),
  fail: spec("✗", "fail", "red", "It does not hold; the evidence says where."),
  undecided: spec("?", "undecided", "grey", "It could not be evaluated, so it opens nothing."),
  needs_person: spec("◌", "needs a person", "accent", "Only a person can decide this."),
};
