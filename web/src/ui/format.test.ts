import { describe, expect, it } from "vitest";
import { formatAgo, formatBytes, formatDuration, formatLocal, formatMemory, formatNumber, formatUtc, plural } from "./format";

describe("formatNumber", () => {
  it.each([
    [0.1234567, "0.12346"],
    [12345.678, "12,345.7"],
    [1000, "1,000"],
    [-1234567, "-1,234,567"],
    [999999.96, "1,000,000"],
    [-54321.04, "-54,321"],
    [0.5, "0.5"],
    [0, "0"],
    [0.0000123, "1.230e-5"],
    [-0.25, "-0.25"],
    [null, "–"],
  ])("writes %s as %s", (value, text) => expect(formatNumber(value)).toBe(text));

  it("names what is not finite", () => {
    expect(formatNumber(null, "NaN")).toBe("NaN");
    expect(formatNumber(null, "-Infinity")).toBe("-∞");
  });
});

describe("durations, sizes, times", () => {
  it.each([[0.85, "850 ms"], [12.44, "12.4 s"], [185, "3 min 05 s"], [8040, "2 h 14 min"], [273_600, "3 d 4 h"], [null, "–"]])(
    "writes %s seconds as %s",
    (seconds, text) => expect(formatDuration(seconds)).toBe(text),
  );
  it.each([[69, "69 B"], [4096, "4.1 kB"], [123_456_789, "123 MB"]])("writes %s bytes as %s", (bytes, text) => expect(formatBytes(bytes)).toBe(text));
  it.each([[69, "69 B"], [4096, "4.00 KiB"], [123_456_789, "118 MiB"], [8 * 2 ** 30, "8.00 GiB"], [null, "–"]])("writes %s bytes of memory as %s", (bytes, text) => expect(formatMemory(bytes)).toBe(text));
  it("tells how long ago something was", () => {
    const now = Date.parse("2026-11-21T12:00:00Z");
    expect(formatAgo("2026-11-21T11:59:50Z", now)).toBe("just now");
    expect(formatAgo("2026-11-21T11:30:00Z", now)).toBe("30 min ago");
    expect(formatAgo("2026-11-20T12:00:00Z", now)).toBe("1 day ago");
    expect(formatAgo("2026-01-02T12:00:00Z", now)).toBe("2026-01-02");
  });
  it("writes the reader's own time as UTC is written", () => {
    const at = new Date(2026, 10, 2, 3, 4, 5);
    expect(formatLocal(at.toISOString())).toBe("2026-11-02 03:04:05");
  });
  it("keeps UTC exact", () => expect(formatUtc("2026-11-21T12:00:01.5Z")).toBe("2026-11-21 12:00:01 UTC"));
  it("counts", () => expect([plural(1, "run"), plural(12_000, "run"), plural(0, "reply", "replies")]).toEqual(["1 run", "12,000 runs", "0 replies"]));
});
