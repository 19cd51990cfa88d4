import { formatCount, formatMoment, formatSeconds, formatShare, formatSmall } from "@cairn/core/report/format.ts";
import { type Html, html, type Piece } from "@cairn/core/report/markup.ts";
import type { Phase } from "../phase.ts";
import type { ShadowResults } from "../shadow/statistics/results.ts";

/** What each phase means, as the continuation of "In phase …". */
export const PHASES: Readonly<Record<Phase, string>> = {
  chroma: "Chroma answers, and Cairn has no copy yet",
  mirror: "Chroma answers, and Cairn follows every write",
  shadow: "Chroma answers, Cairn follows, and sampled reads are sent to both",
  cairn: "Cairn answers, and Chroma follows every write",
  done: "Cairn answers, and Chroma is no longer used",
};

/** A share of 0 to 1, or a dash if nothing was counted. */
export function formatAgreement(agreement: number | null): string {
  return agreement === null ? "–" : formatShare(agreement);
}

/** Milliseconds as `0.4 ms`, `12 ms`, `2.1 s`, or a dash. */
export function formatMilliseconds(milliseconds: number | null): string {
  if (milliseconds === null) return "–";
  if (milliseconds >= 10_000) return formatSeconds(milliseconds / 1000);
  if (milliseconds >= 1_000) return `${(milliseconds / 1000).toFixed(1)}\u00a0s`;
  return `${milliseconds < 10 ? milliseconds.toFixed(1) : Math.round(milliseconds)}\u00a0ms`;
}

/** Seconds as their largest unit: `12 s`, `4 min`, `3 h`, `2 days`. */
export function formatAge(seconds: number): string {
  if (seconds < 90) return `${Math.max(0, Math.round(seconds))}\u00a0s`;
  if (seconds < 5_400) return `${Math.round(seconds / 60)}\u00a0min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3_600)}\u00a0h` : `${Math.round(seconds / 86_400)}\u00a0days`;
}

/** A distance with at most six significant digits. */
export function formatDistance(distance: number): string {
  const isUsual = distance === 0 || (Math.abs(distance) >= 0.001 && Math.abs(distance) < 100_000);
  return isUsual ? String(Number(distance.toPrecision(6))) : formatSmall(distance);
}

/** A moment with its exact time in markup. */
export function formatTime(iso: string): Html {
  return html`<time datetime="${iso}">${formatMoment(iso)}</time>`;
}

/** `12 differed, 3 missed by Chroma's index`, or what there is instead. */
export function describeReads({ compared, missed, differed }: ShadowResults): string {
  if (compared === 0) return "No read was compared.";
  const parts = [
    differed > 0 && `${formatCount(differed)} differed`,
    missed > 0 && `Chroma's index missed records in ${formatCount(missed)}`,
  ].filter((part) => part !== false);
  return parts.length === 0 ? "All agree." : `${parts.join("; ")}.`;
}

export function renderPair([name, value]: readonly [string, Piece]): Html {
  return html`<div><dt>${name}</dt><dd>${value}</dd></div>`;
}
