import type { Tagged } from "@/api/client";
import type { StandardsInForce } from "@/api/types";
import { type Merged, mergeValue } from "@/ui/merge";
import { toDraft, WORDS, wordsOf } from "./fields";

/** What the editor began with: what is in force, and what the project says itself. */
export interface Seen {
  found: Tagged<StandardsInForce>;
  own: Record<string, unknown>;
}

/** Every field as it is edited, and those that the project says itself. */
export interface Draft {
  drafts: Record<string, string | boolean>;
  said: Set<string>;
}

const KNOWN = Object.keys(WORDS);

/** Fields in the order of the page; those that this page does not know come last. */
export function fieldsOf({ standards }: StandardsInForce): string[] {
  const fields = Object.keys(standards).filter((name) => name !== "inherits");
  return [...KNOWN.filter((name) => fields.includes(name)), ...fields.filter((name) => !KNOWN.includes(name))];
}

/** What a field's draft begins with: a mapping only adds to what is said above, so it begins with what is said here. */
const startOf = (field: string, own: Record<string, unknown>, present: Record<string, unknown>) =>
  field in own ? own[field] : field === "default_hyperparameters" ? {} : present[field];

export function draftOf({ found, own }: Seen): Draft {
  const present = found.standards as unknown as Record<string, unknown>;
  return { drafts: Object.fromEntries(fieldsOf(found).map((field) => [field, toDraft(field, startOf(field, own, present))])), said: new Set(Object.keys(own)) };
}

/** One's own changes on top of what somebody else made meanwhile, field by field; of what both changed, one's own. */
export function mergeDraft(was: Draft, mine: Draft, theirs: Draft): Merged<Draft> {
  const merged: Draft = { drafts: {}, said: new Set() };
  const conflicts: string[] = [];
  for (const field of Object.keys(theirs.drafts)) {
    const of = ({ drafts, said }: Draft) => ({ text: drafts[field] ?? "", here: said.has(field) });
    const { value, both } = mergeValue(of(was), of(mine), of(theirs));
    merged.drafts[field] = value.text;
    if (value.here) merged.said.add(field);
    if (both) conflicts.push(wordsOf(field).label);
  }
  return { draft: merged, conflicts };
}
