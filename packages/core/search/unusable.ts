import type { IndexedRange } from "../index/indexed-range.ts";
import type { SearchTarget } from "./target.ts";

/** The largest half-precision number: a query beyond it cannot be compared with what such an index holds. */
const MAX_HALF = 65_504;

/**
 * Rows to which calibration has to trust a binary index before a filtered search uses it. In 4,600 rows recall was 0.82
 * without this limit, with a filter for one row of ten.
 */
const MIN_DEPTH = 1_000;

/** Names of the vector indexes that cannot answer one of these vectors, or not with a filter. */
export function unusableIndexes(
  { indexes }: SearchTarget,
  vectors: readonly Float32Array[],
  { isFiltered }: { readonly isFiltered: boolean },
): ReadonlySet<string> {
  const shallow = isFiltered ? indexes.filter(isShallow) : [];
  const half = indexes.filter(({ kind, plan }) => kind === "vector" && plan.precision === "halfvec");
  const exceedsHalf = half.length > 0 && vectors.some((vector) => magnitude(vector) > MAX_HALF);
  return new Set([...shallow, ...(exceedsHalf ? half : [])].map(({ name }) => name));
}

/** The tail of a half-precision collection was not calibrated: it is indexed only where binary orders finely. */
function isShallow({ kind, plan: { precision, reranked, depth = 0 } }: IndexedRange): boolean {
  return precision === "bit" && (kind === "vector" || reranked !== undefined) && depth < MIN_DEPTH;
}

/** The largest magnitude of an element. */
function magnitude(vector: Float32Array): number {
  let largest = 0;
  for (let i = 0; i < vector.length; i++) largest = Math.max(largest, Math.abs(vector[i] as number));
  return largest;
}
