import { countOf, formatCount } from "../format.ts";
import { type Html, html } from "../markup.ts";
import type { QueryOverlap, SearchReport } from "../report.ts";
import { renderBars, renderKey, renderMark } from "./bars.ts";

/** Steps of a tenth below the whole, which stands alone: 99 % is not the same results. */
const WHOLE = 10;

/** How many queries got which share of the same results: as Chroma's, and as the exact answer. */
export function renderOverlap({ perQuery, topK }: SearchReport): Html {
  const chroma = countSteps(perQuery, "overlapWithChroma");
  const exact = countSteps(perQuery, "overlapWithExact");
  const lowest = Math.min(...chroma.keys(), ...exact.keys());
  const rows = Array.from({ length: WHOLE - lowest + 1 }, (_, index) => {
    const step = WHOLE - index;
    const [asChroma, asExact] = [chroma.get(step) ?? 0, exact.get(step) ?? 0];
    return {
      label: step === WHOLE ? "All the same" : `${step * 10}–${step * 10 + 9} % the same`,
      value: html`${renderMark("before")} ${formatCount(asChroma)} <span class="second">${renderMark("after")} ${formatCount(asExact)}</span>`,
      bars: [
        { series: "before" as const, share: asChroma / perQuery.length },
        { series: "after" as const, share: asExact / perQuery.length },
      ],
    };
  });
  return html`<figure>
<figcaption><strong>The first ${topK} results of ${countOf(perQuery.length, "query", "queries")}.</strong> How many queries found how much of the same.</figcaption>
${renderKey("as Chroma's results", "as the exact answer")}${renderBars(rows)}
</figure>`;
}

function countSteps(
  queries: readonly QueryOverlap[],
  key: "overlapWithChroma" | "overlapWithExact",
): Map<number, number> {
  const steps = new Map<number, number>();
  for (const query of queries) {
    const step = Math.max(0, Math.min(WHOLE, Math.floor(query[key] * WHOLE + 1e-9)));
    steps.set(step, (steps.get(step) ?? 0) + 1);
  }
  return steps;
}
