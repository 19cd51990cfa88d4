import type { Accuracy, IndexedRange } from "../index/indexed-range.ts";

// How many rows a search reads for the hits that it returns.

/** Rows to read. */
export interface Depth {
  /** Rows a query. */
  readonly limit: number;
  /**
   * Number of first rows that have to be the true nearest. The others are only fused, or show how far a filtered scan went.
   * Default: all.
   */
  readonly exactHits?: number;
}

/** Minimum hits of each list that hybrid search fuses: a row far down in one list may be first in the other. */
const MIN_FUSED = 50;

export type SearchMode = "vector" | "keyword" | "hybrid";

/** Hits of each list for one query. */
export function hitsOf({ mode, topK }: { readonly mode: SearchMode; readonly topK: number }): number {
  return mode === "hybrid" ? Math.min(1_000, Math.max(MIN_FUSED, 3 * topK)) : topK;
}

/**
 * Rows that a filtered search reads beyond those it returns: a filtered scan that ends early is complete only if it found more.
 * A vector search needs far more: the nearest of a few matching rows are far away, where an HNSW index misses rows. For ten
 * hits of 21,000 rows and a filter for one row in fifty, 30 rows gave a recall of 0.92 (halfvec) and 0.66 (binary).
 */
const FILTERED_VECTOR_ROWS = 90;
const FILTERED_KEYWORD_ROWS = 20;

export function filteredLimit(list: "vector" | "keyword", limit: number): number {
  return limit + Math.max(list === "vector" ? FILTERED_VECTOR_ROWS : FILTERED_KEYWORD_ROWS, Math.ceil(limit / 2));
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

/** Candidates of a binary-quantized index for each hit: binary distances order coarsely. */
const BINARY_CANDIDATES_PER_HIT = 10;
const MIN_BINARY_CANDIDATES = 100;

/**
 * Candidates that an index returns for re-ranking. Half precision orders nearly as full precision does. Binary
 * needs as many as calibration measured. For many hits the multiple is smaller.
 */
export function candidatesOf(
  { plan: { precision, accuracy } }: IndexedRange,
  { limit, exactHits = limit }: Depth,
): number {
  if (accuracy.kind === "full") return precision === "vector" ? limit : limit + Math.max(2, Math.ceil(limit / 10));
  const max = Math.max(1_000, 3 * exactHits);
  const multiple = Math.min(max, BINARY_CANDIDATES_PER_HIT * exactHits);
  const measured = accuracy.kind === "binary" ? accuracy.rerank : 0;
  return Math.max(MIN_BINARY_CANDIDATES, measured, multiple, limit);
}

/**
 * Share of an index's rows that a filtered scan visits before the exact fallback. Visiting a row through the index costs
 * 16 µs, scanning one 1.2 µs: at this share the scan costs as much as the fallback, so it at most doubles the time.
 */
const MAX_SCAN_SHARE = 0.075;

/** Maximum rows that a filtered scan of an HNSW index visits. Binary: not beyond the filter depth. */
export function scanLimit(index: IndexedRange, depth: Depth): number {
  const share = Math.ceil(MAX_SCAN_SHARE * index.rows);
  return Math.max(1_000, candidatesOf(index, depth), Math.min(share, trustedRows(index.plan.accuracy)));
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
