import { html, type Piece } from "./markup.ts";
import { shorten } from "./visible.ts";

const GROUPED = new Intl.NumberFormat("en-US");
const MOMENT = new Intl.DateTimeFormat("en-GB", { dateStyle: "long", timeStyle: "short", timeZone: "UTC" });
const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";

/** `1204` as `1,204`. */
export function formatCount(count: number): string {
  return GROUPED.format(count);
}

/** `1,204 records`, `1 record`. */
export function countOf(count: number, noun: string, plural = `${noun}s`): string {
  return `${formatCount(count)} ${count === 1 ? noun : plural}`;
}

/** A share of 0 to 1 as a percentage, rounded down, so that only 1 becomes 100 %. */
export function formatShare(share: number): string {
  return `${Math.floor(share * 1000 + 1e-9) / 10}\u00a0%`;
}

/** Seconds as `0.4 s`, `4 min 12 s`, `2 h 5 min`. */
export function formatSeconds(seconds: number): string {
  if (seconds < 59.95) return `${seconds.toFixed(1)}\u00a0s`;
  const rounded = Math.round(seconds);
  if (rounded < 3600) return `${Math.floor(rounded / 60)} min ${rounded % 60} s`;
  return `${Math.floor(rounded / 3600)} h ${Math.floor((rounded % 3600) / 60)} min`;
}

/** A small number with two digits: `0`, `0.25`, `3.1 × 10⁻⁷`. */
export function formatSmall(value: number): string {
  if (value === 0) return "0";
  if (Math.abs(value) >= 0.001 && Math.abs(value) < 10_000) return String(Number(value.toPrecision(2)));
  const [digits, exponent = ""] = value.toExponential(1).split("e");
  const raised = exponent
    .replace("+", "")
    .replace("-", "⁻")
    .replace(/\d/g, (digit) => SUPERSCRIPTS[Number(digit)] ?? "");
  return `${digits}\u00a0×\u00a010${raised}`;
}

/** An ISO time as `22 November 2025 at 21:05 UTC`. */
export function formatMoment(iso: string): string {
  const date = new Date(iso);
  return Number.isNaN(date.getTime()) ? iso : `${MOMENT.format(date)} UTC`;
}

/** An id or a name as code. A long one is shortened and its length is shown. Bidirectional text is isolated. */
export function formatId(id: string, limit = 64): Piece {
  if (id === "") return html`<em>empty</em>`;
  const length = id.length > limit && html` <small>(${formatCount(id.length)} characters)</small>`;
  return html`<code><bdi>${shorten(id, limit)}</bdi></code>${length}`;
}
