import type { IndexPlan } from "./settings.ts";

/** `vector` and `keyword` cover closed segments. `tail` covers vectors written after them, see `TAIL_PLAN`. */
export type IndexKind = "vector" | "keyword" | "tail";

/** What a build records next to the settings of an index. The names are stored in `collection_indexes.settings`. */
export interface BuildNotes {
  /** Binary: rows to re-rank for the target recall, measured by calibration. */
  readonly reranked?: number;
  /** Binary: nearest rows up to which a filtered scan can trust the order. Indexes of earlier versions have none. */
  readonly depth?: number;
  /** This or an earlier calibration found that binary distances order the collection's vectors too coarsely. */
  readonly coarse?: true;
  /** See `segmentCondition`. */
  readonly mark?: number;
  /** Keyword: the index also covers the rows' metadata. Indexes of earlier versions do not. */
  readonly metadata?: true;
  /** Keyword: the index has bigrams for languages without spaces. Indexes of earlier versions do not. */
  readonly bigrams?: true;
  /** Binary: the index reads the stored column `bits` and computes it for rows without it. Earlier versions always compute it. */
  readonly stored?: true;
}

/** An index over a range of segments, both ends included. */
export interface IndexedRange {
  readonly name: string;
  readonly kind: IndexKind;
  readonly first: number;
  readonly last: number;
  /** Its build settings, and what its calibration measured. */
  readonly plan: IndexPlan & BuildNotes;
  /** Rows in its segments at build time. */
  readonly rows: number;
}
