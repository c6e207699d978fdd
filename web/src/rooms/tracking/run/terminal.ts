import type { OutputChunk } from "@/api/types";

export interface Piece {
  stream: string;
  text: string;
}

/** Colours, cursor moves and titles that programs send to a terminal. */
const ESCAPES = /\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-~])/g;

/** What stands in a line at its end: a progress bar goes back to the line's beginning and writes over itself. */
function overwritten(line: string): string {
  const states = line.replace(/\r+$/, "").split("\r");
  return states.reduce((before, now) => now + before.slice(now.length), "");
}

/**
 * What a run printed as a terminal would show it in the end. The stored output has every character.
 *
 * Pieces of one stream that follow each other are joined first: a sequence or a line may be cut between two of them. A
 * line that both streams wrote to is not put over itself across them.
 */
export function asShown(chunks: OutputChunk[]): Piece[] {
  const joined: Piece[] = [];
  for (const { stream, text } of chunks) {
    const last = joined.at(-1);
    if (last?.stream === stream) last.text += text;
    else joined.push({ stream, text });
  }
  return joined.map(({ stream, text }) => ({ stream, text: /[\r\x1b]/.test(text) ? text.replace(ESCAPES, "").split("\n").map(overwritten).join("\n") : text }));
}
