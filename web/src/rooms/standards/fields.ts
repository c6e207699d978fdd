import type { Standards } from "@/api/types";

export type Field = Exclude<keyof Standards, "inherits">;

interface Words {
  label: string;
  about: string;
  choices?: string[];
}

/** What people read instead of a field's name, in the order of the page. */
export const WORDS: Partial<Record<Field, Words>> = {
  name: { label: "Name", about: "The team, or the document." },
  default_hyperparameters: { label: "Default hyperparameters", about: "Values where neither run nor user says otherwise; they add to those of the projects above. JSON." },
  required_metrics: { label: "Required metrics", about: "Every run logs these. One a line." },
  thresholds: { label: "Thresholds", about: "One a line: accuracy >= 0.95" },
  baseline: { label: "Against the baseline", about: 'JSON: [{"metric": "accuracy", "better": "higher", "ask": "not worse"}]' },
  max_wall_s: { label: "Longest run", about: "Seconds; 0 for any." },
  max_peak_memory: { label: "Most memory", about: "Of all processes of a run together, such as 8 GiB; empty for any." },
  max_gpu_memory: { label: "Most GPU memory", about: "Such as 40 GiB; empty for any." },
  forbidden_packages: { label: "Forbidden packages", about: "None of these installed, such as torch<2.1. One a line." },
  allowed_licenses: { label: "Allowed licences", about: "SPDX, such as MIT or BSD-*; package:NAME lets one package in. Empty for all. One a line." },
  forbidden_licenses: { label: "Forbidden licences", about: "SPDX, such as AGPL-*. One a line." },
  data_versioned: { label: "Data in versions", about: "Every file that a run read lies in a version of a dataset." },
  naming: { label: "Names", about: "A regular expression for runs and experiments; empty for any." },
  naming_help: { label: "The rule of names in words", about: "Quoted when a name is refused." },
  documentation_required: { label: "Purpose required", about: "A run says why it is run." },
  review_required: { label: "Review required", about: "A result is reviewed before it is shared." },
  sharing_enabled: { label: "Sharing", about: "Results go to the team’s repository." },
  approvals: { label: "Approvals", about: "How many a review needs." },
  approver_role: { label: "Approver’s role", about: "The least role whose approval counts.", choices: ["reviewer", "maintainer", "admin"] },
  owners: { label: "Owners", about: 'Who has to approve what is theirs. JSON: [{"members": ["ann"], "paths": ["src/data/"]}]' },
  committees: { label: "Committees", about: 'A quorum of named members. JSON: [{"name": "ethics", "members": ["ann", "ben"], "quorum": 1}]' },
  threads_resolved: { label: "Threads resolved", about: "Every thread of a review is resolved before it is applied." },
  sticky: { label: "What keeps approvals", about: "Parts that may change without outdating them. One a line." },
  apply_by_hand: { label: "Applied by hand", about: "An approved review waits until somebody applies it." },
  change_by_review: { label: "Changed by review", about: "These standards themselves change only by a review." },
  required_ci: { label: "Required CI", about: "Names of CI checks that have to pass. One a line." },
  require_level: { label: "Verification", about: "The level that a run has to earn.", choices: ["", "basic", "environment", "statistical"] },
  evidence_days: { label: "Age of a verification", about: "Days; 0 for any." },
  required_items: { label: "Required checks of code", about: "Items of the checklist, such as unit_tests_written. One a line." },
  workflow: { label: "Git workflow", about: "Says how branches are named.", choices: ["", "feature-branch", "gitflow", "github-flow", "trunk"] },
  branches: { label: "Branches", about: "A regular expression instead of the workflow’s rule." },
  release_process: { label: "Releases", about: "How they are made. Markdown, for people." },
};

/** A field's words; those of a field that this page does not know are made of its name. */
export function wordsOf(field: string): Words {
  const known = WORDS[field as Field];
  const label = field.replaceAll("_", " ");
  return known ?? { label: label.charAt(0).toUpperCase() + label.slice(1), about: "" };
}

/** The label of a dotted key: the field in words, then the rest as it is. */
export function labelOf(key: string): string {
  const dot = key.indexOf(".");
  return dot < 0 ? wordsOf(key).label : `${wordsOf(key.slice(0, dot)).label}: ${key.slice(dot + 1)}`;
}

const RULE = /^\s*(\S.*?)\s*(>=|<=)\s*(\S+)\s*$/;
interface Rule { metric: string; op: string; value: number }

const lines = (text: string) => text.split("\n").map((line) => line.trim()).filter(Boolean);
const isTexts = (value: unknown): value is string[] => Array.isArray(value) && value.every((item) => typeof item === "string");

/** A value as it is edited: text, or a truth value. */
export function toDraft(field: string, value: unknown): string | boolean {
  if (typeof value === "boolean") return value;
  if (typeof value === "string") return value;
  if (field === "thresholds") return (value as Rule[]).map((rule) => `${rule.metric} ${rule.op} ${rule.value}`).join("\n");
  if (isTexts(value) && (value.length > 0 || LISTS.has(field))) return value.join("\n");
  return typeof value === "number" ? String(value) : JSON.stringify(value, null, 2);
}

const LISTS = new Set(["required_metrics", "forbidden_packages", "allowed_licenses", "forbidden_licenses", "required_items", "required_ci", "sticky"]);

/** The value of a draft, of the kind that the present one has. Throws an Error that says what to write. */
export function fromDraft(field: string, draft: string | boolean, present: unknown): unknown {
  if (typeof draft === "boolean" || typeof present === "string") return draft;
  if (typeof present === "number") {
    if (draft.trim() === "" || Number.isNaN(Number(draft))) throw new Error("Write a number.");
    return Number(draft);
  }
  if (field === "thresholds") return lines(draft).map(toRule);
  if (LISTS.has(field)) return lines(draft);
  try {
    return JSON.parse(draft) as unknown;
  } catch (error) {
    throw new Error(`This is not JSON: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

function toRule(line: string): Rule {
  const [, metric = "", op = "", number = ""] = RULE.exec(line) ?? [];
  if (!metric || Number.isNaN(Number(number))) throw new Error(`“${line}” is no rule. Write: accuracy >= 0.95`);
  return { metric, op, value: Number(number) };
}
