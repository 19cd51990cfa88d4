import type { Hit } from "@cairn/core/search/hit.ts";
import { count } from "./counts.ts";
import { visible, visibleLine, visibleLines } from "./print.ts";

/** Prints the hits of a search as text. */
export function printHits(hits: readonly Hit[]): void {
  if (hits.length === 0) console.log("Nothing found.");
  hits.forEach(printHit);
}

function printHit(hit: Hit, index: number): void {
  const { id, chunk, content, headings, distance, score, metadata, uri, vectorRank, keywordRank, others } = hit;
  const part = chunk > 0 ? ` (passage ${chunk + 1})` : "";
  const figures = [
    ...(distance === null ? [] : [`distance ${distance.toFixed(4)}`]),
    `score ${score.toFixed(3)}`,
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
