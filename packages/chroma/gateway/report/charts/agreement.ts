import { formatCount, formatMoment, formatShare } from "@cairn/core/report/format.ts";
import { type Html, html } from "@cairn/core/report/markup.ts";
import type { SeriesPoint } from "../report.ts";

export interface AgreementOptions {
  readonly createdAt: string;
  readonly hours: number;
  readonly stepMinutes: number;
}

/** Height of a drawing in its own units. It is stretched to the size of the page. */
const HEIGHT = 100;

/** Minimum height of a column, so that one read next to a thousand is visible. */
const MIN_COLUMN = 4;

/** Agreement over time, with the number of compared reads of each step below it. Times without reads have gaps. */
export function renderAgreement(series: readonly SeriesPoint[], options: AgreementOptions): Html | false {
  if (series.length === 0) return false;
  const { hours, stepMinutes } = options;
  const columns = Math.max(1, Math.ceil((hours * 60) / stepMinutes)) + 1;
  const points = placePoints(series, { ...options, columns });
  const lowest = Math.min(...points.map(({ share }) => share));
  const bottom = axisBottom(lowest);
  const height = (share: number) => HEIGHT - ((share - bottom) / (1 - bottom)) * HEIGHT;
  const largest = Math.max(...points.map(({ reads }) => reads));
  const summary = `${nameStep(stepMinutes)}; the lowest is ${formatShare(lowest)}.`;
  return html`<figure>
<figcaption><strong>Agreement over time.</strong> By ${summary} The columns count the compared reads; the solid part differed.</figcaption>
<div class="plot" role="img" aria-label="Agreement by ${summary}">
<div class="scale"><span>100\u00a0%</span><span>${formatShare(bottom)}</span></div>
<svg class="agreement" viewBox="0 0 ${columns} ${HEIGHT}" preserveAspectRatio="none" aria-hidden="true">
<line class="rule" x1="0" y1="0" x2="${columns}" y2="0"/><line class="rule" x1="0" y1="${HEIGHT}" x2="${columns}" y2="${HEIGHT}"/>
<path class="line" d="${linePath(points, height)}"/><path class="dots" d="${dotsPath(points, height)}"/>
</svg>
<div class="gap"></div>
<div class="scale"><span>${formatCount(largest)}</span><span>0</span></div>
<svg class="volume" viewBox="0 0 ${columns} ${HEIGHT}" preserveAspectRatio="none" aria-hidden="true">
<path class="reads" d="${points.map(({ at, reads }) => column(at, reads / largest)).join("")}"/>
<path class="differed" d="${points.map(({ at, differed }) => column(at, differed / largest)).join("")}"/>
</svg>
<div class="times"><span>${formatMoment(startOf(options).toISOString())}</span><span>${formatMoment(options.createdAt)}</span></div>
</div>
</figure>`;
}

interface PlacedPoint {
  /** Number of the step, from 0. */
  readonly at: number;
  readonly share: number;
  readonly reads: number;
  readonly differed: number;
}

function startOf({ createdAt, hours }: AgreementOptions): Date {
  return new Date(Date.parse(createdAt) - hours * 3_600_000);
}

function placePoints(
  series: readonly SeriesPoint[],
  options: AgreementOptions & { readonly columns: number },
): readonly PlacedPoint[] {
  const step = options.stepMinutes * 60_000;
  const first = Math.floor(startOf(options).getTime() / step);
  return series.map(({ at, agreed, missed, differed }) => {
    const reads = agreed + missed + differed;
    const index = Math.floor(Date.parse(at) / step) - first;
    const share = reads === 0 ? 1 : (agreed + missed) / reads;
    return { at: Math.min(options.columns - 1, Math.max(0, index)), share, reads, differed };
  });
}

/** A round share below the lowest: small differences stay visible, and a constant 100 % is at the top. */
function axisBottom(lowest: number): number {
  return [0.999, 0.99, 0.98, 0.95, 0.9, 0.8, 0.5].find((bottom) => bottom <= lowest - (1 - lowest) / 10) ?? 0;
}

/** The line, with a gap where steps have no reads. */
function linePath(points: readonly PlacedPoint[], height: (share: number) => number): string {
  return points
    .map(({ at, share }, index) => {
      const isNext = points[index - 1]?.at === at - 1;
      return `${isNext ? "L" : "M"}${at + 0.5} ${height(share).toFixed(2)}`;
    })
    .join("");
}

/** A dot for each point that no line shows: one without neighbors, or one below 100 %. */
function dotsPath(points: readonly PlacedPoint[], height: (share: number) => number): string {
  const isSingle = (index: number) =>
    points[index - 1]?.at !== (points[index]?.at ?? 0) - 1 && points[index + 1]?.at !== (points[index]?.at ?? 0) + 1;
  return points
    .map(({ at, share }, index) => (share < 1 || isSingle(index) ? `M${at + 0.5} ${height(share).toFixed(2)}h0` : ""))
    .join("");
}

function column(at: number, share: number): string {
  if (!(share > 0)) return "";
  const top = Math.max(MIN_COLUMN, share * HEIGHT);
  return `M${at + 0.1} ${HEIGHT}v${(-top).toFixed(2)}h.8V${HEIGHT}z`;
}

function nameStep(minutes: number): string {
  if (minutes === 1) return "minute";
  if (minutes < 60) return `${minutes} minutes`;
  if (minutes === 60) return "hour";
  return minutes < 1_440 ? `${minutes / 60} hours` : "day";
}
