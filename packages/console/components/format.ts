const GROUPED = new Intl.NumberFormat("en-US");
const SHORT = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 });
const MOMENT = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" });
const RELATIVE = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

/** `1204` as `1,204`. */
export function formatCount(count: number): string {
  return GROUPED.format(count);
}

/** `1204000` as `1.2M`. */
export function formatShort(count: number): string {
  return count < 10_000 ? formatCount(count) : SHORT.format(count);
}

/** `1,204 records`, `1 record`. */
export function countOf(count: number, noun: string, plural = `${noun}s`): string {
  return `${formatCount(count)} ${count === 1 ? noun : plural}`;
}

/** Bytes as `820 B`, `1.2 MB`. */
export function formatBytes(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const power = Math.min(units.length - 1, bytes < 1 ? 0 : Math.floor(Math.log10(bytes) / 3));
  const value = bytes / 1000 ** power;
  return `${value >= 100 || power === 0 ? Math.round(value) : Number(value.toPrecision(2))}\u00a0${units[power]}`;
}

/** Milliseconds as `4.2 ms`, `310 ms`, `1.4 s`. */
export function formatMs(ms: number): string {
  if (ms >= 1_000) return `${(ms / 1_000).toFixed(1)}\u00a0s`;
  return `${ms >= 10 ? Math.round(ms) : Number(ms.toPrecision(2))}\u00a0ms`;
}

/** A share of 0 to 1 as a percentage, rounded down, so that only 1 becomes 100 %. */
export function formatShare(share: number): string {
  return `${Math.floor(share * 1000 + 1e-9) / 10}\u00a0%`;
}

/** An ISO time in the reader's time zone: `22 Nov 2025, 21:05`. */
export function formatMoment(iso: string): string {
  return MOMENT.format(new Date(iso));
}

/** An ISO time relative to now: `3 minutes ago`, `in 2 days`. */
export function formatAgo(iso: string, now = Date.now()): string {
  const seconds = (new Date(iso).getTime() - now) / 1_000;
  const [unit, size] = UNITS.find(([, length]) => Math.abs(seconds) >= length) ?? (["second", 1] as const);
  return unit === "second" ? "just now" : RELATIVE.format(Math.trunc(seconds / size), unit);
}

const UNITS = [
  ["year", 31_536_000],
  ["month", 2_592_000],
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
] as const;
