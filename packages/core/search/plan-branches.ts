import type { IndexedRange } from "../index/indexed-range.ts";
import { uncoveredSegments } from "../index/segments.ts";
import { candidatesOf, type Depth, filteredRows, nearRows } from "./depth.ts";
import type { Branch, IndexBranch, IndexScan, PlannedSearch, PrefilterBranch } from "./plan.ts";
import { type Prefilter, planPrefilters } from "./plan-prefilters.ts";
import type { SearchTarget } from "./target.ts";

interface BranchOptions {
  readonly indexes: readonly IndexedRange[];
  readonly depth: Depth;
  readonly isRetry: boolean;
}

/** The branches that read all rows of the collection, through these indexes where they can. */
export function planBranches(
  target: SearchTarget,
  search: PlannedSearch,
  { indexes, depth, isRetry }: BranchOptions,
): readonly Branch[] {
  const prefilters =
    search.indexed === undefined
      ? []
      : planPrefilters(target, search.indexed, {
          indexes,
          depth,
          isUnselective: search.isUnselective === true,
        });
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
  const scanOf = (index: IndexedRange, ordinal: number): IndexScan => {
    if (index.kind === "tail") return { index, ordinal, required: 0 }; // it returns all its matching rows
    if (index === shared) return { index, ordinal, required: Math.min(depth.limit, hits) };
    if (!depth.isFiltered) return { index, ordinal, required: depth.limit };
    const filtered = { rows: filteredRows(index, depth), near: nearRows(index, depth) };
    return { index, ordinal, required: depth.exactHits ?? depth.limit, filtered };
  };
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
