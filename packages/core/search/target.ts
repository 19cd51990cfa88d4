import type { Collection } from "../collection/collection.ts";
import type { IndexedRange } from "../index/indexed-range.ts";

/** A collection with its indexes, as a search needs it. */
export interface SearchTarget {
  readonly collection: Collection;
  /** Changes whenever the collection changes: its name, its settings, its indexes. */
  readonly version: string;
  /** Valid indexes in segment order. Vector indexes, including the tail's, do not overlap, and neither do keyword indexes. */
  readonly indexes: readonly IndexedRange[];
}
