import type { IndexedRange } from "../index/indexed-range.ts";
import { type Depth, scanLimit } from "./depth.ts";
import type { SearchTarget } from "./target.ts";

// A pre-filter finds the matching rows through the metadata index and compares each: 4 to 6 µs a matching row, where
// reading every row takes 1.2 µs a row of the collection.

export interface Prefilter {
  /** The metadata index. */
  readonly range: IndexedRange;
  /** Matching rows up to which it is used. */
  readonly limit: number;
  /** The vector index over the same segments, which answers when more rows match. Undefined: every row is compared then. */
  readonly index?: IndexedRange;
}

/**
 * The pre-filters of a search: one for each metadata index whose segments a vector index holds too, unless the filter is
 * known to match many rows, and one for each whose segments none holds.
 */
export function planPrefilters(
  target: SearchTarget,
  indexes: readonly IndexedRange[],
  { isUnselective, ...depth }: Depth & { readonly isUnselective: boolean },
): readonly Prefilter[] {
  return target.indexes
    .filter(({ kind, plan }) => kind === "keyword" && plan.metadata)
    .flatMap((range): readonly Prefilter[] => {
      const overlapping = indexes.filter(({ first, last }) => first <= range.last && last >= range.first);
      const limit = Math.ceil(range.rows * MAX_SHARE);
      if (overlapping.length === 0) return [{ range, limit }];
      const index = overlapping.find(({ first, last }) => first === range.first && last === range.last);
      if (!index || isUnselective) return [];
      return [{ range, index, limit: Math.min(limit, indexBreakEven(index, depth)) }];
    });
}

/** Share of the rows from which on finding and comparing them takes as long as reading every row. */
const MAX_SHARE = 0.25;

/** Rows that are compared in the time of an HNSW scan, as a multiple of the square root of the index's rows. */
const BREAK_EVEN = 8;

/**
 * Matching rows up to which comparing them is preferred to the vector index. An HNSW scan visits the more rows the fewer
 * match, and its scan limit would end it before it has found enough of them.
 */
function indexBreakEven(index: IndexedRange, depth: Depth): number {
  const { rows, plan } = index;
  const unreachable = plan.type === "hnsw" ? (depth.limit * rows) / scanLimit(index, depth) : 0;
  return Math.ceil(Math.max(BREAK_EVEN * Math.sqrt(rows), unreachable));
}
