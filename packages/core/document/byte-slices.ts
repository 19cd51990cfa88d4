/**
 * Bytes of vectors and texts that are embedded, held and written at once. Their JSON, their encoding and what is not
 * collected yet come to some ten times as many.
 */
export const SLICE_BYTES = 8_000_000;

/** Passages that are embedded and written at once. */
export const SLICE_PASSAGES = 1_000;

/** Bytes of a row besides its text and its vector, about. */
const ROW_BYTES = 300;

/** Bytes, about, that a passage takes with its vector. */
export function passageBytes(text: string | null, dimensions: number): number {
  return 4 * dimensions + 2 * (text?.length ?? 0) + ROW_BYTES;
}

export interface SliceLimits<T> {
  readonly bytesOf: (item: T) => number;
  /** Passages of an item. Default 1. */
  readonly passagesOf?: (item: T) => number;
  /** Items of a slice at most. Default: any number. */
  readonly items?: number;
}

/** Divides items, in order, into slices within `SLICE_BYTES` and `SLICE_PASSAGES`; one that is larger stands alone. */
export async function* sliceByBytes<T>(
  items: Iterable<T> | AsyncIterable<T>,
  { bytesOf, passagesOf = () => 1, items: most = Number.POSITIVE_INFINITY }: SliceLimits<T>,
): AsyncGenerator<readonly T[]> {
  let slice: T[] = [];
  let bytes = 0;
  let passages = 0;
  for await (const item of items) {
    const full =
      bytes + bytesOf(item) > SLICE_BYTES ||
      passages + passagesOf(item) > SLICE_PASSAGES ||
      slice.length === most;
    if (full && slice.length > 0) {
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
