import { type Html, html } from "../../report/markup.ts";
import { type Difference, describeDifference, isShown } from "../bootstrap.ts";
import type { VariantResult } from "../evaluation.ts";

export interface IntervalRow {
  readonly label: string;
  readonly difference: Difference;
}

/** Differences with their intervals around zero. A filled point: the interval excludes zero. */
export function renderIntervals(rows: readonly IntervalRow[]): Html {
  const reach = roundUp(Math.max(0.01, ...rows.flatMap(({ difference: { low, high } }) => [-low, high])));
  const at = (value: number) => `${(50 + (value / reach) * 50).toFixed(2)}%`;
  return html`<ul class="intervals">${rows.map(({ label, difference }) => {
    const [span, point] = isShown(difference) ? ["span", "point"] : ["unsure", "unsure-point"];
    return html`
<li><span class="label">${label}</span><svg width="100%" height="20" aria-hidden="true"><line class="zero" x1="50%" x2="50%" y1="0" y2="20"/><line class="${span}" x1="${at(difference.low)}" x2="${at(difference.high)}" y1="10" y2="10"/><circle class="${point}" cx="${at(difference.mean)}" cy="10" r="4.5"/></svg><span class="value">${describeDifference(difference)}</span></li>`;
  })}</ul>
<p class="axis" aria-hidden="true"><span>−${reach}</span><span>0</span><span>+${reach}</span></p>`;
}

/** The next of 0.01, 0.02, 0.05, 0.1, … */
function roundUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  const step = [1, 2, 5, 10].find((factor) => factor * power >= value * 0.999) ?? 10;
  return Number((step * power).toPrecision(1));
}

/** Columns of a distribution, each a tenth wide; the last has only 1. */
const COLUMNS = 11;

/** The number of questions by nDCG, one drawing for each variant, in the same scale. */
export function renderDistributions(variants: readonly VariantResult[]): Html {
  const counted = variants.map(({ name, perQuestion }) => ({ name, counts: countColumns(perQuestion) }));
  const highest = Math.max(1, ...counted.flatMap(({ counts }) => counts));
  return html`<div class="small">${counted.map(
    ({ name, counts }) => html`<div><h3>${name}</h3>
<svg viewBox="0 0 ${COLUMNS} 100" preserveAspectRatio="none" role="img" aria-label="${describeColumns(counts)}">${counts.map(
      (count, index) => {
        const height = count === 0 ? 0 : Math.max(1.5, (count / highest) * 100);
        return html`<rect class="column" x="${index + 0.08}" y="${(100 - height).toFixed(2)}" width="0.84" height="${height.toFixed(2)}"/>`;
      },
    )}<line class="floor" x1="0" x2="${COLUMNS}" y1="100" y2="100" vector-effect="non-scaling-stroke"/></svg>
<p class="axis" aria-hidden="true"><span>0</span><span>nDCG</span><span>1</span></p></div>`,
  )}</div>`;
}

function countColumns(results: VariantResult["perQuestion"]): readonly number[] {
  const counts = new Array<number>(COLUMNS).fill(0);
  for (const { ndcg } of results) {
    const column = Math.min(COLUMNS - 1, Math.max(0, Math.floor(ndcg * 10 + 1e-9)));
    counts[column] = (counts[column] ?? 0) + 1;
  }
  return counts;
}

function describeColumns(counts: readonly number[]): string {
  const total = counts.reduce((sum, count) => sum + count, 0);
  const low = counts[0] ?? 0;
  return `Of ${total} questions, ${low} have an nDCG below 0.1 and ${counts.at(-1)} an nDCG of 1.`;
}
