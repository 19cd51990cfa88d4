import type { Segments } from "../index/segments.ts";

/** A segment range with its number of rows. */
export interface SegmentRange extends Segments {
  readonly rows: number;
}

/** Maximum indexes of a collection after a promotion: every search reads each of them. */
const MAX_INDEXES = 3;

/**
 * The segment range of the next build: the tail, merged with the newest indexes that are not much larger than the rows after
 * them. This is a size-tiered merge, as in log-structured stores: each row is indexed again only a few times, however many
 * tails follow. Merging never exceeds `maxRows`.
 */
export function mergeTail(
  indexes: readonly SegmentRange[],
  tail: SegmentRange,
  maxRows = Number.POSITIVE_INFINITY,
): SegmentRange {
  let merged = tail;
  const older = [...indexes];
  for (let next = older.at(-1); next; next = older.at(-1)) {
    if (next.rows > 2 * merged.rows && older.length < MAX_INDEXES) break;
    if (next.rows + merged.rows > maxRows) break;
    merged = { first: next.first, last: merged.last, rows: next.rows + merged.rows };
    older.pop();
  }
  return merged;
}
