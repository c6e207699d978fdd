/** The name that is being typed after an @ before the caret; null where none is. */
export const mentionAt = (text: string, caret: number): string | null => /(?:^|[^\w@])@([\w.-]*)$/.exec(text.slice(0, caret))?.[1] ?? null;

/** The text with the name that is being typed completed, and where the caret goes. */
export function withMention(text: string, caret: number, name: string): [string, number] {
  const before = text.slice(0, caret).replace(/@[\w.-]*$/, `@${name} `);
  return [before + text.slice(caret), before.length];
}
