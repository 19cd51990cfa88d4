import { MAX_PAGE_BYTES } from "../source/source.ts";

/** Share of `MAX_PAGE_BYTES` below which pages get larger: JSON takes up to six times the bytes of what it says. */
const SMALL = 1 / 12;

/** Records next to the largest may be larger than they. */
const MARGIN = 1.2;

/** Bytes of a page's records at most: a character of JSON that is not Latin takes two. */
const MAX_DECODED = 2 * MAX_PAGE_BYTES;

/** How many records a page may have, by the pages before it. */
export interface PageSize {
  /** Records of the next page. */
  readonly size: number;
  /** Whether there was one. */
  readonly known: boolean;
  /** Bytes that a page of so many records takes while it is read and compared, about; `fresh`: with nothing to compare. */
  estimate(records: number, fresh: boolean): number;
  /** A page has been read. */
  learn(records: number, bytes: number): void;
  /** A page of so many records was too large. */
  shrink(records: number): void;
}

/** Begins with pages of `pageSize` records, halves them where they are too large and doubles them where they are small. */
export function createPageSize(pageSize: number): PageSize {
  let size = pageSize;
  let perRecord: number | undefined;
  return {
    get size() {
      return size;
    },
    get known() {
      return perRecord !== undefined;
    },
    estimate: (records, fresh) =>
      (fresh ? 1 : 2) *
      Math.min(MAX_DECODED, perRecord === undefined ? MAX_DECODED : MARGIN * perRecord * records),
    learn(records, bytes) {
      if (records === 0) return;
      perRecord = bytes / records;
      if (records >= size && bytes < SMALL * MAX_PAGE_BYTES) size = Math.min(pageSize, 2 * size);
    },
    shrink(records) {
      size = Math.max(1, Math.min(size, records >> 1));
    },
  };
}
