import type { IndexPlan } from "../collection/index-settings.ts";

/** `vector` and `keyword`: of closed segments. `tail`: of the vectors written since, see `TAIL_PLAN`. */
export type IndexKind = "vector" | "keyword" | "tail";

/** What a build records next to the settings of an index. The names are stored in `collection_indexes.settings`. */
export interface BuildNotes {
  /** Binary: rows to re-rank for the promised recall, as calibration measured. */
  readonly reranked?: number;
  /** Binary: rows, nearest first, up to which a filtered scan can trust the order. Earlier versions did not measure it. */
  readonly depth?: number;
  /** Binary quantization orders the vectors of this collection too coarsely, as this build or an earlier one measured. */
  readonly coarse?: true;
  /** See `segmentCondition`. */
  readonly mark?: number;
  /** Keyword: the index holds the rows' metadata too. Those of earlier versions do not. */
  readonly metadata?: true;
  /** Keyword: the index holds bigrams for languages without spaces. Those of earlier versions do not. */
  readonly bigrams?: true;
  /** Binary: the index holds the stored column `bits`, or computes it where a row has none. Earlier versions compute all. */
  readonly stored?: true;
}

/** An index over a range of segments, both ends included. */
export interface IndexedRange {
  readonly name: string;
  readonly kind: IndexKind;
  readonly first: number;
  readonly last: number;
  /** What it was built with, and what its build measured. */
  readonly plan: IndexPlan & BuildNotes;
  /** Rows in its segments when it was built. */
  readonly rows: number;
}
