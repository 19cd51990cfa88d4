import type { RerankOutcome } from "@cairn/core/rerank/reranker.ts";
import type { Hit } from "@cairn/core/search/hit.ts";
import { count } from "./counts.ts";
import { visible, visibleLine, visibleLines } from "./print.ts";

/** Prints the hits of a search as text, and to standard error why a rerank model was not applied. */
export function printHits(hits: readonly Hit[], rerank?: RerankOutcome): void {
  if (rerank?.applied === false) console.error(`The hits are in the order of the search. ${rerank.detail}`);
  if (hits.length === 0) console.log("Nothing found.");
  hits.forEach(printHit);
}

function printHit(hit: Hit, index: number): void {
  const {
    id,
    chunk,
    content,
    headings,
    distance,
    score,
    metadata,
    uri,
    vectorRank,
    keywordRank,
    others,
    rerankScore,
    expanded,
  } = hit;
  const [first, last] = [(expanded?.firstChunk ?? chunk) + 1, (expanded?.lastChunk ?? chunk) + 1];
  const part = last > first ? ` (passages ${first} to ${last})` : last > 1 ? ` (passage ${last})` : "";
  const figures = [
    ...(distance === null ? [] : [`distance ${distance.toFixed(4)}`]),
    `score ${score.toFixed(3)}`,
    ...(rerankScore == null ? [] : [`rerank score ${rerankScore.toFixed(3)}`]),
    ...(vectorRank == null ? [] : [`vector rank ${vectorRank}`]),
    ...(keywordRank == null ? [] : [`keyword rank ${keywordRank}`]),
    ...(others ? [`${count(others, "more passage")}`] : []),
  ];
  console.log(`${index + 1}. ${visible(id)}${part}  ${figures.join("  ")}`);
  if (headings) console.log(`   ${headings.map((heading) => visibleLine(heading, 80)).join(" › ")}`);
  if (content !== null) console.log(`   ${visibleLines(content.trim(), { maxLength: 400, indent: "   " })}`);
  const details = [
    ...Object.entries(metadata).map(([key, value]) => `${visible(key, 30)}: ${visibleLine(String(value), 60)}`),
    ...(uri ? [visible(uri)] : []),
  ];
  if (details.length > 0) console.log(`   ${details.join(" · ")}`);
}
