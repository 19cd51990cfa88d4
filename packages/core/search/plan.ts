import type { SQL } from "drizzle-orm";
import type { Settings } from "../database/settings.ts";
import type { IndexConditions } from "../filter/index-conditions.ts";
import type { IndexedRange } from "../index/indexed-range.ts";
import type { Segments } from "../index/segments.ts";
import type { SearchMode } from "./depth.ts";
import type { Prefilter } from "./plan-prefilters.ts";

// A search plan is a value: which indexes are read, with how many candidates, and what counts as a complete result. The
// statement, its settings, the explanation and the decision to retry are functions of it.

/** One ranked list of rows. Hybrid search fuses two. */
export type List = "vector" | "keyword";

/** The plan of one list. */
export type SearchPlan = VectorPlan | KeywordPlan;

export type VectorPlan = NearestPlan | ExactGroupsPlan;

/** A plan with its statement, which has a placeholder for the vectors. */
export interface PlannedRead {
  readonly plan: SearchPlan;
  readonly statement: SQL;
}

interface Plan {
  /** 1-based numbers of the queries to run. Undefined: all. */
  readonly queries: readonly number[] | undefined;
  /** Whether it is the retry of a search whose result was incomplete. */
  readonly isRetry: boolean;
  /** Settings of its transaction. */
  readonly settings: Settings;
}

/** Reads the nearest rows of every branch. Together the branches cover each segment once. */
export interface NearestPlan extends Plan {
  readonly list: "vector";
  readonly kind: "nearest";
  /** Rows for each query. */
  readonly limit: number;
  readonly branches: readonly Branch[];
  /** Names of indexes that are not used: their rows are compared one by one. */
  readonly excluded: ReadonlySet<string>;
  /** Groups the rows by document. */
  readonly groups: Groups | undefined;
}

/** Compares every row and groups the best in SQL: the last step of a grouped search. */
export interface ExactGroupsPlan extends Plan {
  readonly list: "vector";
  readonly kind: "exact-groups";
  readonly groups: Groups;
}

export interface KeywordPlan extends Plan {
  readonly list: "keyword";
  readonly kind: "keyword";
  /** Rows for each query. */
  readonly limit: number;
  /** The indexes that are read. Rows of other segments are compared by their text. */
  readonly indexes: readonly IndexedRange[];
  readonly groups: Groups | undefined;
}

/** How hits are grouped by document. */
export interface Groups {
  /** Documents for each query. */
  readonly documents: number;
  /** Other passages of a document count up to this distance. */
  readonly maxDistance?: number;
}

export type Branch = IndexBranch | PrefilterBranch | ExactBranch;

/** Candidates of one index, or of an HNSW index and the tail's index together, re-ranked by their full vectors. */
export interface IndexBranch {
  readonly kind: "index";
  readonly scans: readonly IndexScan[];
  /** Rows read from each index. */
  readonly candidates: number;
  /** Rows of all of them that are re-ranked. */
  readonly rerank: number;
  /** Used instead if few rows match. */
  readonly prefilter: Prefilter | undefined;
}

export interface IndexScan {
  readonly index: IndexedRange;
  /** Its index in the row counts of the outcome, from 0. */
  readonly ordinal: number;
  /** Rows that it has to return for a complete result. 0: it always returns all rows. */
  readonly required: number;
  /** Of a search with a filter. Undefined: there is no filter, or it is applied to all rows of the index. */
  readonly filtered?: FilteredScan;
}

/** A filter is applied to the first rows of a scan. */
export interface FilteredScan {
  readonly rows: number;
  /** First rows among which it must find the required number. */
  readonly near: number;
}

/** Rows from the metadata index, compared one by one if there are at most `prefilter.limit`. */
export interface PrefilterBranch {
  readonly kind: "prefilter";
  readonly prefilter: Prefilter;
  /** Used if more rows match: the vector index over the same segments, or a comparison of all their rows. */
  readonly fallback: "index" | "exact";
}

/** Compares every row of these segment ranges. Undefined: of the collection. */
export interface ExactBranch {
  readonly kind: "exact";
  readonly segments: readonly Segments[] | undefined;
}

/** The part of a search that its plan depends on. */
export interface PlannedSearch {
  readonly mode: SearchMode;
  /** Hits for each query. */
  readonly topK: number;
  readonly grouped?: { readonly maxDistance?: number };
  /** The caller's filters as a condition on a row. */
  readonly matches?: SQL;
  /** Whether only documents with given ids match. */
  readonly selectsIds?: boolean;
  /** The part of the filters that a metadata index can answer. */
  readonly indexed?: IndexConditions;
  /** Whether every matching row is compared, without vector indexes. */
  readonly isExact?: boolean;
  /** The filters are known to match too many rows for a pre-filter. */
  readonly isUnselective?: boolean;
}

/** The retry of a search whose result was incomplete. */
export interface Retry {
  readonly list: List;
  /** 1-based numbers of the queries. */
  readonly queries: readonly number[];
  /** Names of the indexes whose rows are compared one by one. */
  readonly excluded: ReadonlySet<string>;
  /** Of hits grouped by document: read more passages, or compare all of them. */
  readonly step?: "deeper" | "all";
}
