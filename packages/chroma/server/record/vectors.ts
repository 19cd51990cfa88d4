import type { Collection } from "@cairn/core/collection/collection.ts";
import { findVectorFault } from "@cairn/core/collection/vector-fault.ts";
import type { RecordInput } from "@cairn/core/record/record.ts";
import { invalidArgument } from "../error.ts";

/** Records as they are stored, and whether one of them has a zero vector. */
export interface CheckedRecords {
  readonly records: readonly RecordInput[];
  readonly hasZeroVector: boolean;
}

/**
 * Checks the vectors against the collection, in Chroma's words. A zero vector under cosine has no direction: it is stored as no
 * vector, and searches add it at distance 1, as Chroma does.
 */
export function checkVectors(
  { dimensions, metric }: Pick<Collection, "dimensions" | "metric">,
  records: readonly RecordInput[],
): CheckedRecords {
  const first = records.find(({ embedding }) => embedding)?.embedding?.length;
  let hasZeroVector = false;
  const checked = records.map((record, index) => {
    const { embedding } = record;
    if (!embedding) return record;
    if (embedding.length !== first) throw invalidArgument("Inconsistent dimensions in provided embeddings");
    if (dimensions !== null && embedding.length !== dimensions) throw wrongDimensions(dimensions, embedding.length);
    const fault = findVectorFault(embedding, metric);
    if (!fault) return record;
    if (fault.kind === "too_long" || fault.kind === "not_finite")
      throw invalidArgument(`The embedding at index ${index} ${fault.description}.`);
    if (fault.kind === "too_short") return record; // it is compared, at the largest distance
    hasZeroVector = true;
    return { ...record, embedding: null };
  });
  return { records: checked, hasZeroVector };
}

export function wrongDimensions(expected: number, actual: number) {
  return invalidArgument(`Collection expecting embedding with dimension of ${expected}, got ${actual}`);
}
