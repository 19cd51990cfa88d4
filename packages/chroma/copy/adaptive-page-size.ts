import { MAX_PAGE_BYTES } from "../source/source.ts";

/** Pages below this share of `MAX_PAGE_BYTES` get larger. JSON takes up to six times the bytes of its content. */
const GROWTH_THRESHOLD = 1 / 12;

/** Allows the next records to be larger than the ones seen so far. */
const SAFETY_FACTOR = 1.2;

/** Bytes of a page's decoded records at most: a character outside Latin-1 takes two bytes. */
const MAX_DECODED_BYTES = 2 * MAX_PAGE_BYTES;

export type AdaptivePageSize = ReturnType<typeof createAdaptivePageSize>;

/**
 * The number of records that a page may have, adapted to the size of the pages before it. Starts with pages of `pageSize`
 * records, halves pages that are too large and doubles pages that are small.
 */
export function createAdaptivePageSize(pageSize: number) {
  let size = pageSize;
  let bytesPerRecord: number | undefined;
  return {
    /** Records of the next page. */
    get size() {
      return size;
    },
    /** Whether a page has been read. */
    get hasSample() {
      return bytesPerRecord !== undefined;
    },
    /** Approximate bytes of a page of so many records while it is read and compared. `fresh`: there is nothing to compare. */
    estimateBytes(records: number, fresh: boolean): number {
      const expected = SAFETY_FACTOR * records * (bytesPerRecord ?? Number.POSITIVE_INFINITY);
      return (fresh ? 1 : 2) * Math.min(MAX_DECODED_BYTES, expected);
    },
    /** Records the size of a page that was read. */
    observe(records: number, bytes: number): void {
      if (records === 0) return;
      bytesPerRecord = bytes / records;
      if (records >= size && bytes < GROWTH_THRESHOLD * MAX_PAGE_BYTES) size = Math.min(pageSize, 2 * size);
    },
    /** Reduces the size after a page of so many records was too large. */
    shrink(records: number): void {
      size = Math.max(1, Math.min(size, records >> 1));
    },
  };
}
