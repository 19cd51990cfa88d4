/**
 * The proof of a migration: what was compared, what was found, what was set aside. Plain JSON, so that a machine can
 * keep it and `renderReport` can show it. It holds ids and names, never a document's text, a vector or a credential.
 */
export interface MigrationReport {
  /** Version of this shape. */
  readonly version: 1;
  /** `migrate`: copied, then compared. `verify`: compared only. */
  readonly kind: "migrate" | "verify";
  /** When the comparison ended, ISO 8601 in UTC. */
  readonly createdAt: string;
  readonly cairnVersion: string;
  /** Chroma's address, without credentials. */
  readonly source: { readonly url: string };
  /** Where the records went. `name` is host and database without credentials, or PGlite's folder. */
  readonly database: { readonly kind: "pglite" | "pg" | "neon"; readonly name: string };
  readonly verdict: Verdict;
  /** Wall time of the whole run, in seconds. */
  readonly seconds: number;
  /** The run in the ledger. A verification without a migration has none. */
  readonly runId?: string;
  /** The most passes that any collection took until nothing changed. */
  readonly passes?: number;
  readonly totals: ReportTotals;
  readonly collections: readonly CollectionReport[];
  /** Records that could not be carried over whole, each with its reason. The list is complete. */
  readonly exceptions: readonly ReportException[];
  /**
   * The first differences found, those made in Cairn last. Each of the two parts may be capped; `totals.differences` and
   * `totals.changedInCairn` are the full numbers.
   */
  readonly differences: readonly ReportDifference[];
  /** Search results of both sides compared. Null where that was not asked for or not possible. */
  readonly search: SearchReport | null;
  /** What is not a difference and still needs a look: a collection without an index, a model without a usable name. */
  readonly notices?: readonly string[];
}

/** `identical`: nothing differs and there is no exception. `not_identical`: something differs, or could not be shown not to. */
export type Verdict = "identical" | "identical_with_exceptions" | "not_identical";

/** Full numbers over all collections, whatever the lists in the report are capped to. */
export interface ReportTotals {
  readonly tenants: number;
  readonly collections: number;
  readonly sourceRecords: number;
  readonly targetRecords: number;
  /** Records whose id, text, metadata and URI were compared. */
  readonly compared: number;
  /** Records whose vectors were compared, too. */
  readonly vectorsCompared: number;
  readonly written: number;
  readonly exceptions: number;
  readonly differences: number;
  /** Those of the differences that are collections which failed by themselves. */
  readonly failed?: number;
  /** Those of the differences that were made in Cairn since the migration wrote the record, and are kept. */
  readonly changedInCairn?: number;
}

export interface CollectionReport {
  /** Chroma's tenant, database, name and id. */
  readonly source: {
    readonly tenant: string;
    readonly database: string;
    readonly name: string;
    readonly id: string;
  };
  readonly target: { readonly tenantId: string; readonly tenantName: string; readonly collection: string };
  /** `provider/model` of the target. Null where nothing says which model made the vectors. */
  readonly model: string | null;
  /** Null for an empty collection. */
  readonly dimensions: number | null;
  /** `cosine`, `l2` or `ip`. */
  readonly metric: string;
  /** `copy`: Chroma's own vectors. `embed`: made anew from the texts, so vectors are not compared. */
  readonly vectors: "copy" | "embed";
  /** Why the vectors were copied or made anew, in a sentence. */
  readonly why: string;
  readonly sourceCount: number;
  readonly targetCount: number;
  readonly compared: number;
  /** Vectors equal bit by bit. */
  readonly vectorsExact: number;
  /** Vectors not equal bit by bit, but within the tolerance. */
  readonly vectorsWithinTolerance: number;
  /** Largest difference of one element of any vector compared. Null where none was. */
  readonly maxVectorDifference: number | null;
  readonly written: number;
  readonly passes: number;
  readonly seconds: number;
  readonly verdict: Verdict;
  /** Full numbers, whatever the report's list is capped to. */
  readonly differences: DifferenceCounts;
  /** Those of them that were made in Cairn, by kind. */
  readonly changedInCairn?: DifferenceCounts;
  /** The ledger's word for where the collection stands: `identical`, `not_identical`, `copying`, `vanished`. */
  readonly state: string;
}

export interface ReportException {
  /** Name of the source collection; `chroma-tenant/database/name` where several have that name. */
  readonly collection: string;
  readonly id: string;
  readonly reason: ExceptionReason;
  /** What is wrong, and what was kept. */
  readonly detail: string;
}

/** Other reasons than these are shown by their name. */
export type ExceptionReason =
  | "vector_null"
  | "vector_missing"
  | "vector_zero"
  | "vector_not_finite"
  | "vector_out_of_range"
  | "dimension_mismatch"
  | "no_text"
  | "embedding_refused"
  | "not_embedded"
  | "unreadable"
  | (string & {});

/**
 * `missing`: in Chroma only. `extra`: in Cairn only. `deleted`: in Chroma only, as it was deleted in Cairn. `failed`: a
 * collection that could not be migrated or compared to its end. The others name what differs in a record that both have.
 * Where the id is empty, the collection itself is meant.
 */
export type DifferenceKind = RecordDifferenceKind | "failed";

/** What may be wrong with single records. */
export type RecordDifferenceKind =
  | "missing"
  | "extra"
  | "deleted"
  | "content"
  | "metadata"
  | "vector"
  | "uri";

/** Reports of earlier versions know of nothing deleted in Cairn. */
export type DifferenceCounts = Readonly<Record<Exclude<RecordDifferenceKind, "deleted">, number>> & {
  readonly deleted?: number;
};

export interface ReportDifference {
  /** Name of the source collection; `chroma-tenant/database/name` where several have that name. */
  readonly collection: string;
  readonly id: string;
  readonly kind: DifferenceKind;
  readonly detail: string;
  /** It was made in Cairn since: the record was added, edited or deleted there. No run undoes it unless told to. */
  readonly madeInCairn?: true;
}

/** The same queries asked of both. Every overlap is a share, 0 to 1, of the ids in the first `topK`. */
export interface SearchReport {
  readonly queries: number;
  readonly topK: number;
  readonly meanOverlapWithChroma: number;
  readonly meanOverlapWithExact: number;
  /** Chroma's own overlap with the exact answer: tells who is right where the two differ. */
  readonly meanOverlapOfChromaWithExact?: number;
  readonly perCollection: readonly (QueryOverlap & { readonly queries: number })[];
  readonly perQuery: readonly QueryOverlap[];
  /** Distances of hits that both returned for the same query. */
  readonly distances: readonly { readonly chroma: number; readonly cairn: number }[];
}

export interface QueryOverlap {
  /** Name of the source collection; `chroma-tenant/database/name` where several have that name. */
  readonly collection: string;
  readonly overlapWithChroma: number;
  readonly overlapWithExact: number;
}
