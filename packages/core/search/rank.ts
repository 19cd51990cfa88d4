import type { SearchMode } from "./depth.ts";
import { fuse } from "./fusion.ts";
import type { Hit, HitRow } from "./hit.ts";
import { distance } from "./metric.ts";
import { rowKey } from "./output.ts";
import type { Found } from "./rows.ts";

/** A row with its place; its score where the distance does not give it. */
export type RankedRow = { readonly row: HitRow } & Partial<Pick<Hit, "score" | "vectorRank" | "keywordRank">>;

interface Ranking {
  readonly mode: SearchMode;
  readonly maxDistance?: number;
  /** A document is one hit, in each list at the place of its best passage. */
  readonly byDocument: boolean;
}

/** The rows of one query, best first, none farther away than `maxDistance`. */
export function rankRows(
  { collection: { metric }, vector, keyword }: Found,
  index: number,
  { mode, maxDistance, byDocument }: Ranking,
): readonly RankedRow[] {
  const isNear = ({ row: { order } }: RankedRow) =>
    maxDistance === undefined || (order !== null && distance(metric, order) <= maxDistance);
  const near = vector[index] ?? [];
  const worded = keyword[index] ?? [];
  if (mode === "vector") return near.map((row) => ({ row })).filter(isNear);
  if (mode === "keyword")
    return worded.map((row, place) => ({ row, score: row.share ?? 0, keywordRank: place + 1 }));
  const fused = fuse([near, worded], byDocument ? ({ id }) => id : rowKey);
  return fused
    .map(({ item, ranks: [vectorRank = null, keywordRank = null], score }) => {
      // The passage at whose place the document is; with a distance to keep, the nearest.
      const byWords = vectorRank === null || (keywordRank ?? vectorRank) < vectorRank;
      const best = byDocument && byWords && keywordRank !== null && maxDistance === undefined;
      return { row: (best && worded[keywordRank - 1]) || item, score, vectorRank, keywordRank };
    })
    .filter(isNear);
}
