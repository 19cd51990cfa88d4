/**
 * The report of a migration: what was compared, what differs, and what is quarantined. Plain JSON, which can be stored and
 * which `renderReport` shows. It contains ids and names, never a document's text, a vector or a credential.
 */
export interface MigrationReport {
  /** Version of this format. */
  readonly version: 1;
  /** `migrate`: copied, then compared. `verify`: compared only. */
  readonly kind: "migrate" | "verify";
  /** When the comparison ended, ISO 8601 in UTC. */
  readonly createdAt: string;
  readonly cairnVersion: string;
  /** Chroma's address, without credentials. */
  readonly source: { readonly url: string };
  /** The target database. `name` is host and database without credentials, or PGlite's folder. */
  readonly database: { readonly kind: "pglite" | "pg" | "neon"; readonly name: string };
  readonly verdict: Verdict;
  /** Wall time of the run in seconds. */
  readonly seconds: number;
  /** The run in the ledger. A verification without a migration has none. */
  readonly runId?: string;
  /** The largest number of passes that a collection took until nothing changed. */
  readonly passes?: number;
  readonly totals: ReportTotals;
  readonly collections: readonly CollectionReport[];
  /** Quarantined records, each with its reason. The list is complete. */
  readonly exceptions: readonly ReportException[];
  /**
   * The first differences, followed by the first changes made in Cairn. Each of the two parts may be truncated;
   * `totals.differences` and `totals.changedInCairn` are the full counts.
   */
  readonly differences: readonly ReportDifference[];
  /** The comparison of search results. Null if it was not requested or not possible. */
  readonly search: SearchReport | null;
  /** What is not a difference and still needs attention: a collection without an index, a model without a usable name. */
  readonly notices?: readonly string[];
}

/** `identical`: nothing differs and there is no exception. `not_identical`: something differs, or equality could not be proven. */
export type Verdict = "identical" | "identical_with_exceptions" | "not_identical";

/** Full counts over all collections, even if the lists in the report are truncated. */
export interface ReportTotals {
  readonly tenants: number;
  readonly collections: number;
  readonly sourceRecords: number;
  readonly targetRecords: number;
  /** Records whose id, text, metadata and URI were compared. */
  readonly compared: number;
  /** Records whose vectors were also compared. */
  readonly vectorsCompared: number;
  readonly written: number;
  readonly exceptions: number;
  readonly differences: number;
  /** The number of differences that are collections that failed alone. */
  readonly failed?: number;
  /** The number of differences that were made in Cairn since the migration and are kept. */
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
  /** `provider/model` of the target. Null if the model of the vectors is unknown. */
  readonly model: string | null;
  /** Null for an empty collection. */
  readonly dimensions: number | null;
  /** `cosine`, `l2` or `ip`. */
  readonly metric: string;
  /** `copy`: Chroma's vectors were copied. `embed`: the texts were embedded again, so vectors are not compared. */
  readonly vectors: "copy" | "embed";
  /** Why the vectors were copied or embedded again, in one sentence. */
  readonly why: string;
  readonly sourceCount: number;
  readonly targetCount: number;
  readonly compared: number;
  /** Vectors equal bit by bit. */
  readonly vectorsExact: number;
  /** Vectors not equal bit by bit, but within the tolerance. */
  readonly vectorsWithinTolerance: number;
  /** Largest difference of one element of all compared vectors. Null if none was compared. */
  readonly maxVectorDifference: number | null;
  readonly written: number;
  readonly passes: number;
  readonly seconds: number;
  readonly verdict: Verdict;
  /** Full counts, even if the report's list is truncated. */
  readonly differences: DifferenceCounts;
  /** The differences among these that were made in Cairn, by kind. */
  readonly changedInCairn?: DifferenceCounts;
  /** The state in the ledger: `identical`, `not_identical`, `copying` or `vanished`. */
  readonly state: string;
}

export interface ReportException {
  /** Name of the source collection; `chroma-tenant/database/name` if several have that name. */
  readonly collection: string;
  readonly id: string;
  readonly reason: ExceptionReason;
  /** What is wrong, and what was kept. */
  readonly detail: string;
}

/** Why a record is quarantined. Other reasons are shown by their name. */
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
 * `missing`: in Chroma only. `extra`: in Cairn only. `deleted`: in Chroma only, because it was deleted in Cairn. `failed`: a
 * collection that could not be migrated or compared completely. The others name what differs in a record that both have.
 * An empty id means the collection itself.
 */
export type DifferenceKind = RecordDifferenceKind | "failed";

/** Kinds of differences of single records. */
export type RecordDifferenceKind = "missing" | "extra" | "deleted" | "content" | "metadata" | "vector" | "uri";

/** Counts by kind. Reports of earlier versions do not have `deleted`. */
export type DifferenceCounts = Readonly<Record<Exclude<RecordDifferenceKind, "deleted">, number>> & {
  readonly deleted?: number;
};

export interface ReportDifference {
  /** Name of the source collection; `chroma-tenant/database/name` if several have that name. */
  readonly collection: string;
  readonly id: string;
  readonly kind: DifferenceKind;
  readonly detail: string;
  /**
   * The difference was made in Cairn: the record was added, edited or deleted there. A run reverts it only with
   * `discardChanges`.
   */
  readonly madeInCairn?: true;
}

/** The results of the same queries on both sides. Every overlap is a share, 0 to 1, of the ids in the first `topK`. */
export interface SearchReport {
  readonly queries: number;
  readonly topK: number;
  readonly meanOverlapWithChroma: number;
  readonly meanOverlapWithExact: number;
  /** Chroma's overlap with the exact search. It shows which side is right if the two differ. */
  readonly meanOverlapOfChromaWithExact?: number;
  readonly perCollection: readonly (QueryOverlap & { readonly queries: number })[];
  readonly perQuery: readonly QueryOverlap[];
  /** Distances of hits that both sides returned for the same query. */
  readonly distances: readonly { readonly chroma: number; readonly cairn: number }[];
}

export interface QueryOverlap {
  /** Name of the source collection; `chroma-tenant/database/name` if several have that name. */
  readonly collection: string;
  readonly overlapWithChroma: number;
  readonly overlapWithExact: number;
}
