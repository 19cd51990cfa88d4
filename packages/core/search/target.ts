import type { Collection } from "../collection/collection.ts";
import type { IndexedRange } from "../index/indexed-range.ts";

/** A collection as a search sees it. */
export interface SearchTarget {
  readonly collection: Collection;
  /** Changes whenever the collection changes: its name, its settings, its indexes. */
  readonly version: string;
  /** Valid indexes in the order of their segments. Those of vectors, the tail's included, do not overlap, nor do those of words. */
  readonly indexes: readonly IndexedRange[];
}
