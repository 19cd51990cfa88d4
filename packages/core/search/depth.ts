import type { Accuracy, IndexedRange } from "../index/indexed-range.ts";

// How many rows a search reads for the hits that it returns.

/** Rows to read. */
export interface Depth {
  /** Rows a query. */
  readonly limit: number;
  /** Number of first rows that have to be the true nearest. The others are only fused. Default: all. */
  readonly exactHits?: number;
  readonly isFiltered?: boolean;
}

/** Minimum hits of each list that hybrid search fuses: a row far down in one list may be first in the other. */
const MIN_FUSED = 50;

export type SearchMode = "vector" | "keyword" | "hybrid";

/** Hits of each list for one query. */
export function hitsOf({ mode, topK }: { readonly mode: SearchMode; readonly topK: number }): number {
  return mode === "hybrid" ? Math.min(1_000, Math.max(MIN_FUSED, 3 * topK)) : topK;
}

/** Rows that a filtered keyword search reads beyond those it returns: it is complete only if it found more. */
const FILTERED_KEYWORD_ROWS = 20;

export function filteredKeywordLimit(limit: number): number {
  return limit + Math.max(FILTERED_KEYWORD_ROWS, Math.ceil(limit / 2));
}

/** Passages that a grouped search reads: for each document, the minimum, the factor of the second read, and the maximum. */
const PASSAGES_PER_DOCUMENT = 5;
const MIN_GROUPED_PASSAGES = 50;
const DEEPER_FACTOR = 10;
const MAX_GROUPED_PASSAGES = 5_000;

/** Passages to read for a number of documents. */
export function groupedLimit(documents: number, { deeper }: { readonly deeper: boolean }): number {
  const first = Math.max(MIN_GROUPED_PASSAGES, PASSAGES_PER_DOCUMENT * documents);
  return Math.min(MAX_GROUPED_PASSAGES, deeper ? DEEPER_FACTOR * first : first);
}

/** Candidates of a binary-quantized index for each hit, and their maximum: binary distances order coarsely. */
const BINARY_CANDIDATES = { perHit: 10, max: 1_000 };
const MIN_BINARY_CANDIDATES = 100;

/** The same for more hits than calibration measured, if it found that binary distances do not order so many of the nearest. */
const COARSE_CANDIDATES = { perHit: 40, max: 4_000 };

/** Hits that calibration measures. */
export const CALIBRATED_HITS = 10;

/**
 * Candidates that an index returns for re-ranking. Half precision orders nearly as full precision does. Binary
 * needs as many as calibration measured. For many hits the multiple is smaller.
 */
export function candidatesOf(index: IndexedRange, { limit, exactHits = limit }: Depth): number {
  const { precision, accuracy } = index.plan;
  if (accuracy.kind === "full") return precision === "vector" ? limit : limit + Math.max(2, Math.ceil(limit / 10));
  const isCoarse = exactHits > CALIBRATED_HITS && exactHits > orderedRows(accuracy);
  const { perHit, max } = isCoarse ? COARSE_CANDIDATES : BINARY_CANDIDATES;
  const measured = accuracy.kind === "binary" ? accuracy.rerank : 0;
  const multiple = Math.min(perHit * exactHits, Math.max(max, 3 * exactHits));
  return Math.max(MIN_BINARY_CANDIDATES, measured, multiple, limit);
}

/** Nearest rows of a binary-quantized index that are among ten times as many by binary distance. */
function orderedRows(accuracy: Accuracy): number {
  return trustedRows(accuracy) / 5;
}

/**
 * A filtered search of an index is complete if its hits are among the first rows of the scan: for ten hits the first 120 of
 * up to 100,000 rows, and more with the square root of the number of rows. If they are not, the matching rows are far from the
 * query, where an HNSW index misses rows, however long it scans. For queries in 100,000 word vectors whose tenth match was among
 * the first 100, 170 and 700 rows, recall was 0.99, 0.97 and 0.92.
 */
const NEAR_PER_HIT = 12;
const NEAR_FROM = 100_000;

/** Maximum share of an index's rows that count as near: comparing every row of a small index takes less time. */
const MAX_NEAR_SHARE = 0.05;

/** First rows of a scan among which a filtered search must find its hits. */
export function nearRows({ rows, plan }: IndexedRange, { limit, exactHits = limit }: Depth): number {
  const near = NEAR_PER_HIT * exactHits * Math.sqrt(Math.max(1, rows / NEAR_FROM));
  return Math.ceil(Math.min(near, MAX_NEAR_SHARE * rows, trustedRows(plan.accuracy)));
}

/** Rows of a filtered scan: twice the near ones, and enough to re-rank. */
const MIN_FILTERED_ROWS = 1_000;

/** Nearest rows of an index to which a search applies its filter. */
export function filteredRows(index: IndexedRange, depth: Depth): number {
  const rows = Math.min(Math.max(MIN_FILTERED_ROWS, 2 * nearRows(index, depth)), trustedRows(index.plan.accuracy));
  return Math.max(candidatesOf(index, depth), rows);
}

/** Share of matching rows from which finding and comparing them takes as long as reading every row. */
export const MAX_COMPARED_SHARE = 0.25;

/** Matching rows that are always compared: in 20 ms (100 dimensions) or 30 ms (1,536). */
const MIN_COMPARED = 5_000;

/**
 * Matching rows of an index up to which a filtered search compares them, if the metadata index can find them. If more match,
 * the index finds its hits among the near rows, unless the filter depends on the vectors.
 */
export function comparedRows(index: IndexedRange, depth: Depth): number {
  const { limit, exactHits = limit } = depth;
  const compared = Math.max(MIN_COMPARED, (exactHits * index.rows) / nearRows(index, depth));
  return Math.ceil(Math.min(MAX_COMPARED_SHARE * index.rows, compared));
}

/** Nearest rows of an index up to which a filtered scan can trust its order. */
export function trustedRows(accuracy: Accuracy): number {
  switch (accuracy.kind) {
    case "binary":
      return accuracy.filterDepth;
    case "uncalibrated_binary":
      return 0;
    case "full":
      return Number.POSITIVE_INFINITY;
  }
}
