import type { IndexPlan } from "./settings.ts";

/** `vector` and `keyword` cover closed segments. `tail` covers vectors written after them, see `TAIL_PLAN`. */
export type IndexKind = "vector" | "keyword" | "tail";

/**
 * How finely a vector index orders rows. `isBinaryTooCoarse`: this or an earlier calibration found that binary distances order
 * the collection's vectors too coarsely. `rerank`: rows to re-rank for the target recall. `filterDepth`: nearest rows up to which
 * a filtered scan can trust the order.
 */
export type Accuracy = { readonly isBinaryTooCoarse: boolean } & (
  | { readonly kind: "binary"; readonly rerank: number; readonly filterDepth: number }
  /** Not measured: before calibration, with IVFFlat, and the tail's index if the vector index before it is half-precision. */
  | { readonly kind: "uncalibrated_binary" }
  /** Half or full precision. */
  | { readonly kind: "full" }
);

/** What a build records next to the settings of an index. `storedSettings` maps them to `collection_indexes.settings`. */
export interface BuildNotes {
  readonly accuracy: Accuracy;
  /** The requested settings. Those of the index can differ because of the memory of the build or a vector. */
  readonly requested?: Pick<IndexPlan, "precision" | "lists">;
  /** See `segmentCondition`. */
  readonly mark?: number;
  /** Keyword: the index also covers the rows' metadata. Indexes of earlier versions do not. */
  readonly metadata?: true;
  /** Keyword: the index has bigrams for languages without spaces. Indexes of earlier versions do not. */
  readonly bigrams?: true;
  /** Keyword: the index also has tokens of the metadata's numbers, for ranges. Indexes of earlier versions do not. */
  readonly numbers?: true;
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
