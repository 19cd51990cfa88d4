import type { Precision } from "../database/collection-settings.ts";
import type { Metric } from "./metric.ts";

/** The part of a collection that its indexed expressions depend on. */
interface IndexedSpace {
  readonly dimensions: number | null;
  readonly metric: Metric;
}

/** The form of a vector in an index. */
export interface IndexedVector {
  readonly precision: Precision;
  /** Binary: whether the index reads the stored column `bits`, see `BuildNotes`. */
  readonly stored?: true;
}

/** The indexed expression of a row's vector. The column has no fixed number of dimensions, so the expression sets it. */
export function indexedExpression(
  { dimensions }: Pick<IndexedSpace, "dimensions">,
  { precision, stored }: IndexedVector,
): string {
  const size = dimensions as number;
  if (precision !== "bit") return `(${castVector("embedding", precision, size)})`;
  return `(${stored ? "coalesce(bits, binary_quantize(embedding))" : "binary_quantize(embedding)"}::bit(${Math.trunc(size)}))`;
}

/** An expression that casts a vector to a precision. */
export function castVector(vector: string, precision: Precision, dimensions: number): string {
  const size = Math.trunc(dimensions);
  return precision === "bit" ? `binary_quantize(${vector})::bit(${size})` : `${vector}::${precision}(${size})`;
}

const OPERATORS: Readonly<Record<Metric, string>> = { cosine: "<=>", l2: "<->", ip: "<#>" };

/** The distance between a row and the query `q` in the precision of an index. */
export function indexedDistance(space: IndexedSpace, indexed: IndexedVector): string {
  const operator = indexed.precision === "bit" ? "<~>" : OPERATORS[space.metric];
  return `${indexedExpression(space, indexed)} ${operator} q."${indexed.precision}"`;
}

/** pgvector's operator class for a metric and a precision. */
export function operatorClass(metric: Metric, precision: Precision): string {
  return precision === "bit" ? "bit_hamming_ops" : `${precision}_${metric}_ops`;
}
