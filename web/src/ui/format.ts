/** Ways to write numbers, durations, sizes and times; all exact values stay available on hover. */

const two = (n: number): string => String(n).padStart(2, "0");

/** Digits with thousands separated. The browser's own way to do so takes 15 ms when it is first used. */
const grouped = (digits: string): string => digits.replace(/\d+/, (whole) => whole.replace(/\B(?=(\d{3})+$)/g, ","));

/** A number with about five significant digits; NaN and infinities by name. */
export function formatNumber(value: number | null | undefined, special = ""): string {
  if (special) return special.replace("Infinity", "∞");
  if (value === null || value === undefined) return "–";
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "-∞";
  const size = Math.abs(value);
  if (value === 0) return "0";
  if (Number.isInteger(value) && size < 1e12) return grouped(String(value));
  if (size >= 1e9 || size < 1e-4) return value.toExponential(3);
  if (size >= 1000) return grouped(value.toFixed(1).replace(/\.0$/, ""));
  const digits = Math.max(0, 4 - Math.floor(Math.log10(size)));
  return value.toFixed(Math.min(6, digits)).replace(/(\.\d*?)0+$/, "$1").replace(/\.$/, "");
}

/** A count with thousands separated. */
export const formatCount = (n: number): string => grouped(String(n));

/** `1 run`, `12,000 runs`. */
export function plural(n: number, one: string, many = `${one}s`): string {
  return `${formatCount(n)} ${n === 1 ? one : many}`;
}

/** A JSON value on one line. */
export function formatValue(value: unknown): string {
  if (value === null || value === undefined) return "–";
  if (typeof value === "number") return String(value);
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** Seconds as `850 ms`, `12.4 s`, `3 min 05 s`, `2 h 14 min`, `3 d 4 h`. */
export function formatDuration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  if (whole < 86_400) return `${Math.floor(whole / 3600)} h ${two(Math.floor((whole % 3600) / 60))} min`;
  return `${Math.floor(whole / 86_400)} d ${Math.floor((whole % 86_400) / 3600)} h`;
}

/** How long a run took, or how long it has been going on. */
export function formatElapsed(run: { duration_s: number | null; started_at: string; status: string }): string {
  if (run.status !== "running") return formatDuration(run.duration_s);
  return formatDuration(Math.max(0, (Date.now() - Date.parse(run.started_at)) / 1000));
}

/** Bytes with a decimal unit. */
export function formatBytes(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(value < 10 ? 1 : 0)} ${units[unit]}`;
}

/** Memory in units of 1024, as limits on it are written. */
export function formatMemory(bytes: number | null): string {
  if (bytes === null) return "–";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log2(Math.max(1, bytes)) / 10)));
  const value = bytes / 1024 ** power;
  return `${power === 0 || value >= 100 ? value.toFixed(0) : value.toPrecision(3)} ${units[power]}`;
}

/** How long ago, in one unit. */
export function formatAgo(iso: string, now: number = Date.now()): string {
  const seconds = Math.max(0, (now - Date.parse(iso)) / 1000);
  if (seconds < 45) return "just now";
  if (seconds < 3600) return `${Math.max(1, Math.round(seconds / 60))} min ago`;
  if (seconds < 86_400) return `${Math.round(seconds / 3600)} h ago`;
  if (seconds < 86_400 * 30) return plural(Math.round(seconds / 86_400), "day") + " ago";
  return iso.slice(0, 10);
}

/** UTC to the second, as stored. */
export const formatUtc = (iso: string): string => iso.slice(0, 19).replace("T", " ") + " UTC";

/** The reader's own time to the second, written as UTC is. */
export function formatLocal(iso: string): string {
  const at = new Date(iso);
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

/** The short form of an id: a prefix, which the command line takes as it is. */
export const shortId = (id: string): string => id.slice(0, 8);
