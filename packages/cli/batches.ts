export interface BatchOptions<T> {
  readonly maxItems: number;
  /** A larger item is a batch of its own. */
  readonly maxBytes: number;
  readonly bytesOf: (item: T) => number;
  /** Items of different kinds are never in one batch. */
  readonly kindOf?: (item: T) => unknown;
}

/** Yields the items in batches, in order. */
export async function* batches<T>(
  items: AsyncIterable<T>,
  { maxItems, maxBytes, bytesOf, kindOf }: BatchOptions<T>,
): AsyncGenerator<T[]> {
  let batch: T[] = [];
  let bytes = 0;
  for await (const item of items) {
    const size = bytesOf(item);
    const isOtherKind = batch[0] !== undefined && kindOf?.(batch[0]) !== kindOf?.(item);
    if (batch.length === maxItems || isOtherKind || (batch.length > 0 && bytes + size > maxBytes)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(item);
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}
