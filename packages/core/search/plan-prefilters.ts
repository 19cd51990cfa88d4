import { encodeConditions, type IndexConditions } from "../filter/index-conditions.ts";
import type { IndexedRange } from "../index/indexed-range.ts";
import { type Depth, scanLimit } from "./depth.ts";
import type { SearchTarget } from "./target.ts";

// A pre-filter finds the matching rows through the metadata index and compares each: 3 µs a matching row of 100 dimensions,
// where reading every row takes 1.2 µs a row of the collection.

export interface Prefilter {
  /** The metadata index. */
  readonly range: IndexedRange;
  /** Maximum matching rows for which it is used. */
  readonly limit: number;
  /** The argument of cairn.filtered_rows. */
  readonly conditions: string;
  /** The vector index over the same segments, which is used if more rows match. Undefined: then every row is compared. */
  readonly index?: IndexedRange;
}

/**
 * The pre-filters of a search: one for each metadata index over segments without a vector index, and one for each metadata
 * index over the same segments as a vector index, unless the filter is known to match many rows.
 */
export function planPrefilters(
  target: SearchTarget,
  indexed: IndexConditions,
  { indexes, depth, isUnselective }: PrefilterOptions,
): readonly Prefilter[] {
  return target.indexes
    .filter(({ kind, plan }) => kind === "keyword" && plan.metadata)
    .flatMap((range): readonly Prefilter[] => {
      const conditions = encodeConditions(indexed, { hasNumbers: range.plan.numbers === true });
      if (conditions === undefined) return [];
      const overlapping = indexes.filter(({ first, last }) => first <= range.last && last >= range.first);
      const limit = Math.ceil(range.rows * MAX_SHARE);
      if (overlapping.length === 0) return [{ range, limit, conditions }];
      const index = overlapping.find(({ first, last }) => first === range.first && last === range.last);
      if (!index || isUnselective) return [];
      return [{ range, index, limit: Math.min(limit, indexBreakEven(index, depth)), conditions }];
    });
}

interface PrefilterOptions {
  /** The vector indexes to read. */
  readonly indexes: readonly IndexedRange[];
  readonly depth: Depth;
  readonly isUnselective: boolean;
}

/** Share of matching rows from which finding and comparing them takes as long as reading every row. */
const MAX_SHARE = 0.25;

/**
 * Matching rows that are always compared, in 30 ms. If a filter depends on the vectors, as a topic does, an HNSW scan misses
 * rows (recall 0.89 of 6,000 matching rows among 100,000), because those near the query rarely match.
 */
const MIN_COMPARED = 10_000;

/** Rows that are compared in the time of an HNSW scan, as a multiple of the square root of the index's rows. */
const BREAK_EVEN = 8;

/**
 * Matching rows up to which comparing them is faster than the vector index. The fewer rows match, the more rows an HNSW scan
 * visits, and the scan limit can end it before it finds enough of them.
 */
function indexBreakEven(index: IndexedRange, depth: Depth): number {
  const { rows, plan } = index;
  const unreachable = plan.type === "hnsw" ? (depth.limit * rows) / scanLimit(index, depth) : 0;
  return Math.ceil(Math.max(MIN_COMPARED, BREAK_EVEN * Math.sqrt(rows), unreachable));
}
