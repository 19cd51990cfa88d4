import type { Hit } from "@cairn/core/search/hit.ts";
import { visible, visibleLine, visibleLines } from "./print.ts";

/** The passages that a search found, for people. */
export function printHits(hits: readonly Hit[]): void {
  if (hits.length === 0) console.log("Nothing found.");
  hits.forEach(printHit);
}

function printHit(hit: Hit, index: number): void {
  const { id, chunk, content, distance, score, metadata, uri, vectorRank, keywordRank, others } = hit;
  const part = chunk > 0 ? ` (passage ${chunk + 1})` : "";
  const figures = [
    ...(distance === null ? [] : [`distance ${distance.toFixed(4)}`]),
    `score ${score.toFixed(3)}`,
    ...(vectorRank == null ? [] : [`by meaning ${vectorRank}`]),
    ...(keywordRank == null ? [] : [`by words ${keywordRank}`]),
    ...(others ? [`${others} more ${others === 1 ? "passage" : "passages"}`] : []),
  ];
  console.log(`${index + 1}. ${visible(id)}${part}  ${figures.join("  ")}`);
  if (content !== null) console.log(`   ${visibleLines(content.trim(), { most: 400, indent: "   " })}`);
  const about = [
    ...Object.entries(metadata).map(
      ([key, value]) => `${visible(key, 30)}: ${visibleLine(String(value), 60)}`,
    ),
    ...(uri ? [visible(uri)] : []),
  ];
  if (about.length > 0) console.log(`   ${about.join(" · ")}`);
}
