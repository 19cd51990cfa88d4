import type { Segments } from "../index/segments.ts";

/** A range of segments, with the rows in them. */
export interface SegmentRange extends Segments {
  readonly rows: number;
}

/** Indexes that a collection has at most after its tail was indexed: every search asks each of them. */
const MAX_INDEXES = 3;

/**
 * The range to build an index over so that the tail is covered: the tail alone, or with the newest indexes that are
 * not much larger than what comes after them, so that each row is indexed anew a few times only, however many tails
 * there come (a size-tiered merge, as log-structured stores do). Never more than `maxRows` by merging.
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
