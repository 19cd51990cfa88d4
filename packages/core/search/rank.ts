import { distance } from "../index/metric.ts";
import type { SearchMode } from "./depth.ts";
import { fuse } from "./fusion.ts";
import type { Hit, HitRow } from "./hit.ts";
import { rowKey } from "./output.ts";
import type { FoundRows } from "./rows.ts";

/** A row with its ranks, and its score unless the distance determines it. */
export type RankedRow = { readonly row: HitRow } & Partial<
  Pick<Hit, "score" | "vectorRank" | "keywordRank" | "rerankScore">
>;

interface Ranking {
  readonly mode: SearchMode;
  readonly maxDistance?: number;
  /** Each document is one hit, in each list at the rank of its best passage. */
  readonly byDocument: boolean;
}

/** The rows of one query within `maxDistance`, best first. */
export function rankRows(
  { collection: { metric }, vector, keyword }: FoundRows,
  index: number,
  { mode, maxDistance, byDocument }: Ranking,
): readonly RankedRow[] {
  const isNear = ({ row: { order } }: RankedRow) =>
    maxDistance === undefined || (order !== null && distance(metric, order) <= maxDistance);
  const vectorRows = vector[index] ?? [];
  const keywordRows = keyword[index] ?? [];
  if (mode === "vector") return vectorRows.map((row) => ({ row })).filter(isNear);
  if (mode === "keyword")
    return keywordRows.map((row, place) => ({ row, score: row.share ?? 0, keywordRank: place + 1 }));
  const fused = fuse([vectorRows, keywordRows], byDocument ? ({ id }) => id : rowKey);
  return fused
    .map(({ item, ranks: [vectorRank = null, keywordRank = null], score }) => {
      // The passage with the better rank represents the document; with a maximum distance, the nearest passage.
      const isKeywordBetter = vectorRank === null || (keywordRank ?? vectorRank) < vectorRank;
      const useKeywordRow = byDocument && isKeywordBetter && keywordRank !== null && maxDistance === undefined;
      const row = (useKeywordRow && keywordRows[keywordRank - 1]) || item;
      return { row, score, vectorRank, keywordRank };
    })
    .filter(isNear);
}
