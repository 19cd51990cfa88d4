import type { HitRow } from "./hit.ts";
import type { IndexScan, NearestPlan, PlannedSearch, Retry, SearchPlan } from "./plan.ts";

/** The rows of each query, as the statement of a plan returned them. */
export type Outcome = readonly (readonly HitRow[])[];

/**
 * The retry of a search, if an index returned fewer rows than exist and match. A filter or deleted rows can cause this. The
 * missing rows are farther away than the returned ones, but may be nearer than those of another index or of the tail.
 * Undefined: the result is complete.
 */
export function planRetry(plan: SearchPlan, search: PlannedSearch, outcome: Outcome): Retry | undefined {
  switch (plan.kind) {
    case "exact-groups":
      return undefined;
    case "keyword":
      if (plan.isRetry || plan.indexes.length === 0) return undefined;
      return plan.groups ? retryGroupedKeyword(search, outcome) : retryKeyword(search, outcome, { limit: plan.limit });
    case "nearest":
      return plan.groups ? retryGrouped(plan, search, outcome) : retryNearest(plan, outcome);
  }
}

/** Whether every index scan of a query returned what the result needs. */
function isComplete({ branches }: NearestPlan, rows: readonly HitRow[] | undefined): boolean {
  return branches.every((branch) => branch.kind !== "index" || !branch.scans.some((scan) => isShort(scan, rows)));
}

/** Whether an index scan returned too few rows. A scan that its pre-filter replaced did not. */
function isShort({ ordinal, required }: IndexScan, rows: readonly HitRow[] | undefined): boolean {
  const { counts, prefiltered } = rows?.[0] ?? {};
  return !prefiltered?.includes(ordinal) && (counts?.[ordinal] ?? 0) < required;
}

/**
 * Compares the rows of the indexes that were short one by one. An HNSW index that shared its re-rank with the tail's index
 * is read alone first: the tail's rows may just have been nearer.
 */
function retryNearest(plan: NearestPlan, outcome: Outcome): Retry | undefined {
  const queries = queriesOf(plan, outcome).filter((n) => !isComplete(plan, outcome[n - 1]));
  if (queries.length === 0) return undefined;
  const excluded = new Set(plan.excluded);
  for (const branch of plan.branches)
    if (branch.kind === "index" && branch.scans.length === 1)
      for (const scan of branch.scans)
        if (queries.some((n) => isShort(scan, outcome[n - 1]))) excluded.add(scan.index.name);
  return { list: "vector", queries, excluded };
}

/**
 * Reads more passages if they come from fewer documents than requested and more may match. If an index was short, or if the
 * second read was not enough, every row is compared.
 */
function retryGrouped(plan: NearestPlan, search: PlannedSearch, outcome: Outcome): Retry | undefined {
  const isShortOfDocuments = (n: number) => {
    const rows = outcome[n - 1] ?? [];
    return rows.length < search.topK && (rows[0]?.listed ?? plan.limit) >= plan.limit;
  };
  const all = queriesOf(plan, outcome);
  const incomplete = all.filter((n) => !isComplete(plan, outcome[n - 1]));
  const queries = all.filter((n) => incomplete.includes(n) || isShortOfDocuments(n));
  if (queries.length === 0) return undefined;
  const step = incomplete.length > 0 || plan.isRetry ? "all" : "deeper";
  return { list: "vector", queries, excluded: plan.excluded, step };
}

/** Without a filter, the indexes find every row that has a word. */
function retryKeyword(
  { matches }: PlannedSearch,
  outcome: Outcome,
  { limit }: { readonly limit: number },
): Retry | undefined {
  if (!matches) return undefined;
  const queries = outcome.flatMap(({ length }, index) => (length < limit ? [index + 1] : []));
  return queries.length > 0 ? { list: "keyword", queries, excluded: new Set() } : undefined;
}

/** The indexes return a sample of the rows of a common word, and with a filter rows that may not match. */
function retryGroupedKeyword({ topK, matches }: PlannedSearch, outcome: Outcome): Retry | undefined {
  const queries = outcome.flatMap((rows, index) => {
    const isSample = rows[0]?.truncated ?? matches !== undefined;
    return rows.length < topK && isSample ? [index + 1] : [];
  });
  return queries.length > 0 ? { list: "keyword", queries, excluded: new Set(), step: "all" } : undefined;
}

function queriesOf({ queries }: SearchPlan, outcome: Outcome): readonly number[] {
  return queries ?? outcome.map((_, index) => index + 1);
}
