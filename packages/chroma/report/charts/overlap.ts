import { renderBars, renderKey, renderMark } from "@cairn/core/report/bars.ts";
import { countOf, formatCount } from "@cairn/core/report/format.ts";
import { type Html, html } from "@cairn/core/report/markup.ts";
import type { QueryOverlap, SearchReport } from "../report.ts";

/** The step for a full overlap. Lower steps are tenths, so that 99 % does not count as the same results. */
const FULL_OVERLAP = 10;

/** The number of queries by the share of results in common with Chroma and with the exact search. */
export function renderOverlap({ perQuery, topK }: SearchReport): Html {
  const chroma = groupBySteps(perQuery, "overlapWithChroma");
  const exact = groupBySteps(perQuery, "overlapWithExact");
  const lowest = Math.min(...chroma.keys(), ...exact.keys());
  const rows = Array.from({ length: FULL_OVERLAP - lowest + 1 }, (_, index) => {
    const step = FULL_OVERLAP - index;
    const [asChroma, asExact] = [chroma.get(step)?.length ?? 0, exact.get(step)?.length ?? 0];
    return {
      label: step === FULL_OVERLAP ? "All the same" : `${step * 10}–${step * 10 + 9} % the same`,
      value: html`${renderMark("before")} ${formatCount(asChroma)} <span class="second">${renderMark("after")} ${formatCount(asExact)}</span>`,
      bars: [
        { series: "before" as const, share: asChroma / perQuery.length },
        { series: "after" as const, share: asExact / perQuery.length },
      ],
    };
  });
  return html`<figure>
<figcaption><strong>The first ${topK} results of ${countOf(perQuery.length, "query", "queries")}.</strong> Number of queries by the share of equal results.</figcaption>
${renderKey("as in Chroma", "as in the exact search")}${renderBars(rows)}
</figure>`;
}

function groupBySteps(queries: readonly QueryOverlap[], key: "overlapWithChroma" | "overlapWithExact") {
  const stepOf = (share: number) => Math.floor(share * FULL_OVERLAP + 1e-9);
  return Map.groupBy(queries, (query) => Math.max(0, Math.min(FULL_OVERLAP, stepOf(query[key]))));
}
