import { findVectorFault } from "../collection/vector-fault.ts";
import { AppError } from "../error.ts";

/** Why a text's vector cannot be used. */
export type VectorFault = string;

/** Why a model's vector cannot be used; undefined: it can. Applies the strictest metric, cosine, because embeddings are directions. */
export function findModelFault(vector: Float32Array): VectorFault | undefined {
  const fault = findVectorFault(vector, "cosine");
  return fault && `it ${fault.description}`;
}

/** Throws `dimension_mismatch` with both numbers if a model's vectors do not have the collection's dimensions. */
export function assertModelDimensions(model: string, actual: number, dimensions: number): void {
  if (actual === dimensions) return;
  throw new AppError(
    "dimension_mismatch",
    `The vectors of ${model} cannot be used: they have ${actual} dimensions, and the collection has ${dimensions} dimensions. Use a collection of ${actual} dimensions, or a model that returns ${dimensions}.`,
  );
}
