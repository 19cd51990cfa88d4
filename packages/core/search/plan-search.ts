import { withCandidates } from "../index/accuracy.ts";
import type { IndexedRange } from "../index/indexed-range.ts";
import { filteredKeywordLimit, groupedLimit, hitsOf } from "./depth.ts";
import type { List, PlannedSearch, Retry, SearchPlan } from "./plan.ts";
import { planBranches } from "./plan-branches.ts";
import { EXACT_SETTINGS, indexSettings } from "./settings.ts";
import type { SearchTarget } from "./target.ts";

/**
 * The plan of one list. The code decides which indexes are read, not the planner's estimates: a collection with a valid
 * index uses it. `excluded`: names of vector indexes that are not read, because they cannot answer or were short before.
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
    const limit = search.matches && !grouped ? filteredKeywordLimit(documents) : documents;
    const indexes = retry ? [] : target.indexes.filter(({ kind }) => kind === "keyword");
    return { ...common, list, kind: "keyword", limit, indexes, groups, settings: {} };
  }
  const isExact = retry?.step === "all" || search.isExact || search.selectsIds || search.topK > MAX_INDEXED_HITS;
  const indexes = isExact ? [] : vectorIndexes(target, excluded);
  if (groups && indexes.length === 0)
    return { ...common, list, kind: "exact-groups", groups, settings: EXACT_SETTINGS };
  const limit = grouped ? groupedLimit(documents, { deeper: retry?.step === "deeper" }) : documents;
  const isFiltered = search.matches !== undefined;
  const depth = { limit, exactHits: grouped ? limit : search.topK, isFiltered };
  return {
    ...common,
    list,
    kind: "nearest",
    limit,
    branches: planBranches(target, search, { indexes, depth, isRetry: common.isRetry }),
    excluded,
    groups,
    settings: indexSettings(indexes, depth),
  };
}

/** Hits up to which an index is read: pgvector keeps at most 1,000 candidates. */
const MAX_INDEXED_HITS = 1_000;

/** The vector indexes to read, with the search settings of the collection if it has its own. */
function vectorIndexes({ collection, indexes }: SearchTarget, excluded: ReadonlySet<string>): readonly IndexedRange[] {
  const { efSearch, probes } = collection.indexSettings; // default: measured by calibration
  return indexes
    .filter(({ kind, name }) => kind !== "keyword" && !excluded.has(name))
    .map((index) =>
      index.kind === "tail"
        ? index
        : { ...index, plan: { ...withCandidates(index.plan, { efSearch, rerank: efSearch }), probes } },
    );
}
