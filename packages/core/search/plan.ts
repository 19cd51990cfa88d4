import type { SQL } from "drizzle-orm";
import type { Settings } from "../database/settings.ts";
import type { IndexedRange } from "../index/indexed-range.ts";
import { type Segments, uncoveredSegments } from "../index/segments.ts";
import { candidatesOf, type Depth, filteredLimit, groupedLimit, hitsOf, type SearchMode } from "./depth.ts";
import { type Prefilter, planPrefilters } from "./plan-prefilters.ts";
import { EXACT_SETTINGS, indexSettings } from "./settings.ts";
import type { SearchTarget } from "./target.ts";

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
  /** The part of the filters that a metadata index can answer, see `containmentConditions`. */
  readonly contained?: string;
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

/**
 * The plan of one list. The code decides which indexes are read, not the planner's estimates: a collection with a valid
 * index uses it. `excluded`: indexes that cannot answer these vectors, see `unusableIndexes`.
 */
export function planSearch(
  target: SearchTarget,
  search: PlannedSearch,
  { list, excluded, retry }: { list: List; excluded: ReadonlySet<string>; retry?: Retry },
): SearchPlan {
  const { grouped } = search;
  const documents = hitsOf(search);
  const groups = grouped && { ...grouped, documents };
  const common = { queries: retry?.queries, isRetry: retry !== undefined };
  if (list === "keyword") {
    const limit = search.matches && !grouped ? filteredLimit(list, documents) : documents;
    const indexes = retry ? [] : target.indexes.filter(({ kind }) => kind === "keyword");
    return { ...common, list, kind: "keyword", limit, indexes, groups, settings: {} };
  }
  if (groups && retry?.step === "all")
    return { ...common, list, kind: "exact-groups", groups, settings: EXACT_SETTINGS };
  const rows = grouped ? groupedLimit(documents, { deeper: retry?.step === "deeper" }) : documents;
  const limit = search.matches ? filteredLimit(list, rows) : rows;
  const depth = { limit, exactHits: grouped ? limit : search.topK };
  const indexes = vectorIndexes(target, retry?.excluded ?? excluded);
  if (groups && indexes.length === 0)
    return { ...common, list, kind: "exact-groups", groups, settings: EXACT_SETTINGS };
  return {
    ...common,
    list,
    kind: "nearest",
    limit,
    branches: planBranches(target, search, { indexes, depth, isRetry: common.isRetry }),
    excluded: retry?.excluded ?? excluded,
    groups,
    settings: indexSettings(indexes, depth),
  };
}

/** The vector indexes to read, with the search settings of the collection if it has its own. */
function vectorIndexes(
  { collection, indexes }: SearchTarget,
  excluded: ReadonlySet<string>,
): readonly IndexedRange[] {
  const { efSearch, probes } = collection.indexSettings; // default: measured by calibration
  return indexes
    .filter(({ kind, name }) => kind !== "keyword" && !excluded.has(name))
    .map((index) =>
      index.kind === "tail"
        ? index
        : { ...index, plan: { ...index.plan, probes, ...(efSearch && { efSearch, reranked: efSearch }) } },
    );
}

interface BranchOptions {
  readonly indexes: readonly IndexedRange[];
  readonly depth: Depth;
  readonly isRetry: boolean;
}

function planBranches(
  target: SearchTarget,
  search: PlannedSearch,
  { indexes, depth, isRetry }: BranchOptions,
): readonly Branch[] {
  const prefilters =
    search.contained === undefined
      ? []
      : planPrefilters(target, indexes, { ...depth, isUnselective: search.isUnselective === true });
  const sharesRerank = !search.matches && !isRetry && !search.grouped;
  const covered = [...indexes, ...prefilters.map(({ range }) => range)];
  const rest = covered.length > 0 ? uncoveredSegments(covered) : undefined;
  return [
    ...planIndexBranches(indexes, {
      prefilters,
      depth,
      hits: search.topK,
      sharesRerank,
    }),
    ...prefilters.map(
      (prefilter): PrefilterBranch => ({
        kind: "prefilter",
        prefilter,
        fallback: prefilter.index ? "index" : "exact",
      }),
    ),
    ...(rest?.length === 0 ? [] : [{ kind: "exact" as const, segments: rest }]),
  ];
}

/** Rows of a shared re-rank, as a multiple of the candidates: the HNSW index keeps at least a quarter, whatever the tail contains. */
const SHARED_RERANK = 1.25;

interface IndexBranchOptions {
  readonly prefilters: readonly Prefilter[];
  readonly depth: Depth;
  readonly hits: number;
  /** Whether an HNSW index and the tail's index may share their re-rank. */
  readonly sharesRerank: boolean;
}

function planIndexBranches(
  indexes: readonly IndexedRange[],
  { prefilters, depth, hits, sharesRerank }: IndexBranchOptions,
): readonly IndexBranch[] {
  const shared = sharesRerank ? sharedWithTail(indexes) : undefined;
  const scanOf = (index: IndexedRange, ordinal: number): IndexScan => ({
    index,
    ordinal,
    // The tail's index returns all its matching rows.
    required: index.kind === "tail" ? 0 : index === shared ? Math.min(depth.limit, hits) : depth.limit,
  });
  const scans = indexes.map(scanOf);
  const tails = scans.filter(({ index }) => index.kind === "tail");
  return scans
    .filter(({ index }) => !shared || index.kind !== "tail")
    .map((scan) => {
      const members = scan.index === shared ? [scan, ...tails] : [scan];
      return indexBranch(members, { prefilters, depth });
    });
}

function indexBranch(
  scans: readonly IndexScan[],
  { prefilters, depth }: Pick<IndexBranchOptions, "prefilters" | "depth">,
): IndexBranch {
  const candidates = Math.max(...scans.map(({ index }) => candidatesOf(index, depth)));
  return {
    kind: "index",
    scans,
    candidates,
    rerank: scans.length > 1 ? Math.ceil(SHARED_RERANK * candidates) : candidates,
    prefilter: prefilters.find((prefilter) => scans.some(({ index }) => index === prefilter.index)),
  };
}

/** The branch that reads one index alone: what calibration measures. */
export function planIndexScan(index: IndexedRange, depth: Depth): IndexBranch {
  return indexBranch([{ index, ordinal: 0, required: depth.limit }], { prefilters: [], depth });
}

/**
 * The HNSW index that shares its re-rank with the tail's index, as both are binary-quantized. Two HNSW indexes never share: if
 * one returned few rows, it would be unknown whether the other's rows were nearer or its own scan ended early.
 */
function sharedWithTail(indexes: readonly IndexedRange[]): IndexedRange | undefined {
  const tail = indexes.find(({ kind }) => kind === "tail");
  return indexes.findLast(({ kind, plan }) => kind === "vector" && plan.precision === tail?.plan.precision);
}
