import { describe, expect, it } from "vitest";
import { asShown } from "./terminal";

const out = (...texts: string[]) => texts.map((text) => ({ stream: "stdout" as const, text, at: 1 }));
const shown = (...texts: string[]) => asShown(out(...texts)).map((piece) => piece.text).join("");

describe("what a run printed", () => {
  it("shows the last state of a progress bar, as a terminal does", () => {
    expect(shown("  0%|          |\r 50%|#####     |\r100%|##########|\ndone\n")).toBe("100%|##########|\ndone\n");
  });

  it("keeps what a shorter text did not write over", () => {
    expect(shown("loading...\rdone\n")).toBe("doneing...\n");
  });

  it("leaves lines of Windows as they are", () => {
    expect(shown("one\r\ntwo\r\n")).toBe("one\ntwo\n");
  });

  it("leaves colours, titles and cursor moves out, cut ones too", () => {
    expect(shown("\x1b[1;31mred\x1b[0m \x1b]0;a title\x07x\x1b[", "2K\x1b(Bend\n")).toBe("red xend\n");
  });

  it("knows the two streams apart", () => {
    const pieces = asShown([...out("a"), { stream: "stderr", text: "b", at: 2 }, ...out("c", "d")]);
    expect(pieces).toEqual([{ stream: "stdout", text: "a" }, { stream: "stderr", text: "b" }, { stream: "stdout", text: "cd" }]);
  });
});
