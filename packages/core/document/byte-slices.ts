/**
 * Maximum bytes of vectors and texts that are embedded, held in memory and written at once. Their JSON, their encoding and
 * uncollected garbage take about ten times as much memory.
 */
export const MAX_SLICE_BYTES = 8_000_000;

/** Maximum passages that are embedded and written at once. */
export const MAX_SLICE_PASSAGES = 1_000;

/** Approximate bytes of a row without its text and vector. */
const ROW_BYTES = 300;

/** Approximate bytes of a passage with its vector. */
export function passageBytes(text: string | null, dimensions: number): number {
  return 4 * dimensions + 2 * (text?.length ?? 0) + ROW_BYTES;
}

export interface SliceLimits<T> {
  readonly bytesOf: (item: T) => number;
  /** Number of passages of an item. Default 1. */
  readonly passagesOf?: (item: T) => number;
  /** Maximum items per slice. Default: no limit. */
  readonly items?: number;
}

/** Slices of items, in order, within `MAX_SLICE_BYTES` and `MAX_SLICE_PASSAGES`. A larger item is a slice of its own. */
export async function* sliceByBytes<T>(
  items: Iterable<T> | AsyncIterable<T>,
  { bytesOf, passagesOf = () => 1, items: maxItems = Number.POSITIVE_INFINITY }: SliceLimits<T>,
): AsyncGenerator<readonly T[]> {
  let slice: T[] = [];
  let bytes = 0;
  let passages = 0;
  for await (const item of items) {
    const isFull =
      bytes + bytesOf(item) > MAX_SLICE_BYTES ||
      passages + passagesOf(item) > MAX_SLICE_PASSAGES ||
      slice.length === maxItems;
    if (isFull && slice.length > 0) {
      yield slice;
      slice = [];
      bytes = 0;
      passages = 0;
    }
    slice.push(item);
    bytes += bytesOf(item);
    passages += passagesOf(item);
  }
  if (slice.length > 0) yield slice;
}
