import type { Collection } from "../collection/collection.ts";
import type { Precision } from "../collection/index-settings.ts";
import type { Metric } from "../collection/metric.ts";

/** What an index holds of a vector. */
export interface IndexedVector {
  readonly precision: Precision;
  /** Binary: the stored column `bits`, see `BuildNotes`. */
  readonly stored?: true;
}

/**
 * What an index holds of a row, as an expression over its columns. The column has no fixed number of dimensions, so the
 * expression gives it one.
 */
export function indexedExpression({ dimensions }: Collection, { precision, stored }: IndexedVector): string {
  const size = dimensions as number;
  if (precision !== "bit") return `(${castVector("embedding", precision, size)})`;
  return `(${stored ? "coalesce(bits, binary_quantize(embedding))" : "binary_quantize(embedding)"}::bit(${Math.trunc(size)}))`;
}

/** A vector in another precision, as an expression. */
export function castVector(vector: string, precision: Precision, dimensions: number): string {
  const size = Math.trunc(dimensions);
  return precision === "bit"
    ? `binary_quantize(${vector})::bit(${size})`
    : `${vector}::${precision}(${size})`;
}

const OPERATORS: Readonly<Record<Metric, string>> = { cosine: "<=>", l2: "<->", ip: "<#>" };

/** The distance of a row to the query `q`, as an index measures it. */
export function indexedDistance(collection: Collection, indexed: IndexedVector): string {
  const operator = indexed.precision === "bit" ? "<~>" : OPERATORS[collection.metric];
  return `${indexedExpression(collection, indexed)} ${operator} q."${indexed.precision}"`;
}

/** pgvector's operator class that orders by the metric. */
export function operatorClass(metric: Metric, precision: Precision): string {
  return precision === "bit" ? "bit_hamming_ops" : `${precision}_${metric}_ops`;
}
