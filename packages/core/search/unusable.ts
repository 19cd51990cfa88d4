import type { IndexedRange } from "../index/indexed-range.ts";
import { trustedRows } from "./depth.ts";
import type { SearchTarget } from "./target.ts";

/** The largest half-precision number. A half-precision index cannot answer a query beyond it. */
const MAX_HALF = 65_504;

/**
 * Minimum filter depth of a binary-quantized index that a filtered search uses. Without this limit, recall was 0.82 in 4,600
 * rows with a filter for one row in ten.
 */
const MIN_DEPTH = 1_000;

/** Names of the vector indexes that cannot answer one of these vectors, or a filtered search. */
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

/** Whether the filter depth is too small. The tail of a half-precision collection is not calibrated: it is only indexed if binary distances order finely. */
function isShallow({ kind, plan: { accuracy } }: IndexedRange): boolean {
  if (kind === "tail" && accuracy.kind === "uncalibrated_binary") return false;
  return trustedRows(accuracy) < MIN_DEPTH;
}

/** The largest magnitude of an element. */
function magnitude(vector: Float32Array): number {
  let largest = 0;
  for (let i = 0; i < vector.length; i++) largest = Math.max(largest, Math.abs(vector[i] as number));
  return largest;
}
