import { isFiniteVector, isZeroVector } from "../database/vector.ts";
import type { Metric } from "./metric.ts";

/**
 * Lengths (Euclidean norms) between which every distance is a finite number: pgvector adds up products of elements in
 * single precision, which overflows at 3.4e38 and loses what is below 1.2e-38. Two vectors of 1e18 are 4e36 apart by
 * squared l2. Only cosine divides by a length, so only there is a short vector a fault.
 * Source: vector_l2_squared_distance and vector_cosine_similarity in pgvector/src/vector.c.
 */
const MAX_NORM = 1e18;
const MIN_COSINE_NORM = 1e-15;

export interface VectorFault {
  readonly kind: "not_finite" | "zero" | "too_long" | "too_short";
  /** As in "Its vector …". */
  readonly says: string;
}

/** Why a vector cannot be compared by the metric: its distances would be NaN or infinite. Undefined where it can be. */
export function findVectorFault(vector: Float32Array, metric: Metric): VectorFault | undefined {
  if (!isFiniteVector(vector))
    return { kind: "not_finite", says: "has an element that is not a finite number" };
  const norm = normOf(vector);
  if (norm > MAX_NORM)
    return {
      kind: "too_long",
      says: `has a length of ${norm.toExponential(1)}, over the ${MAX_NORM.toExponential()} up to which distances are finite numbers; scale it down`,
    };
  if (metric !== "cosine" || norm >= MIN_COSINE_NORM) return undefined;
  if (isZeroVector(vector)) return { kind: "zero", says: "is all zeros, which has no direction to compare" };
  return {
    kind: "too_short",
    says: `has a length of ${norm.toExponential(1)}, under the ${MIN_COSINE_NORM.toExponential()} from which on it has a direction to compare; scale it up`,
  };
}

/** In double precision, where the square of no single-precision number overflows or vanishes. */
function normOf(vector: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < vector.length; i++) {
    const element = vector[i] as number;
    sum += element * element;
  }
  return Math.sqrt(sum);
}
