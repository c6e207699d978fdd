const AROUND = 3;

/** Lines of a text around some of them, as a unified diff in which nothing changes; without any the whole text. */
export function excerpt(text: string, focus: number[]): string {
  const lines = text.replace(/\n$/, "").split("\n");
  const wanted = focus.filter((line) => line >= 1 && line <= lines.length).sort((a, b) => a - b);
  const spans: [number, number][] = [];
  for (const line of wanted) {
    const [from, to] = [Math.max(1, line - AROUND), Math.min(lines.length, line + AROUND)];
    const last = spans.at(-1);
    if (last && from <= last[1] + 1) last[1] = to;
    else spans.push([from, to]);
  }
  if (spans.length === 0) spans.push([1, lines.length]);
  return spans.map(([from, to]) => [`@@ -${from},${to - from + 1} +${from},${to - from + 1} @@`, ...lines.slice(from - 1, to).map((line) => ` ${line}`)].join("\n")).join("\n") + "\n";
}
