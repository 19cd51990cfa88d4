import { isFiniteVector, isZeroVector } from "../database/vector.ts";
import type { Metric } from "../index/metric.ts";

/**
 * Limits of a vector's length (Euclidean norm) between which every distance is finite: pgvector sums products of elements in
 * single precision, which overflows at 3.4e38 and underflows below 1.2e-38. The squared l2 distance of two vectors of length
 * 1e18 is up to 4e36. Only cosine divides by the length, so only there a short vector is a fault.
 * Source: vector_l2_squared_distance and vector_cosine_similarity in pgvector/src/vector.c.
 */
const MAX_NORM = 1e18;
const MIN_COSINE_NORM = 1e-15;

export interface VectorFault {
  readonly kind: "not_finite" | "zero" | "too_long" | "too_short";
  /** Continues "Its vector …". */
  readonly description: string;
}

/** Why a vector cannot be compared with the metric: its distances would be NaN or infinite. Undefined if it can. */
export function findVectorFault(vector: Float32Array, metric: Metric): VectorFault | undefined {
  if (!isFiniteVector(vector)) return { kind: "not_finite", description: "has an element that is not a finite number" };
  const norm = normOf(vector);
  if (norm > MAX_NORM)
    return {
      kind: "too_long",
      description: `has a length of ${norm.toExponential(1)}; distances are finite up to ${MAX_NORM.toExponential()}. Scale it down`,
    };
  if (metric !== "cosine" || norm >= MIN_COSINE_NORM) return undefined;
  if (isZeroVector(vector)) return { kind: "zero", description: "is all zeros, so it has no direction to compare" };
  return {
    kind: "too_short",
    description: `has a length of ${norm.toExponential(1)}; cosine needs at least ${MIN_COSINE_NORM.toExponential()}. Scale it up`,
  };
}

/** The Euclidean norm in double precision, where the square of a single-precision number neither overflows nor underflows. */
function normOf(vector: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < vector.length; i++) {
    const element = vector[i] as number;
    sum += element * element;
  }
  return Math.sqrt(sum);
}
