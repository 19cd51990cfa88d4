import type { Collection } from "../collection/collection.ts";
import type { Database } from "../database/database.ts";
import type { Settings } from "../database/settings.ts";
import type { HitRow } from "./hit.ts";
import type { PlannedRead, Retry, SearchPlan } from "./plan.ts";
import { readTarget } from "./read-target.ts";
import { isOutdated, listsOf, planReads, type RowSearch, rememberUnselective, vectorsOf } from "./reads.ts";
import { type Outcome, planRetry } from "./retry.ts";

/** The vector and the keyword list of each query. The list that a mode does not use is empty. */
export interface FoundRows {
  readonly collection: Collection;
  readonly vector: readonly (readonly HitRow[])[];
  readonly keyword: readonly (readonly HitRow[])[];
}

/**
 * The rows of a search. If an index returns too few rows, for example with a filter, its rows are compared one by one.
 * Undefined: the texts were embedded with another model than the collection has now.
 */
export async function findRows(
  database: Database,
  tenantId: string,
  search: RowSearch & { readonly collection: string | undefined; readonly settings?: Settings },
): Promise<FoundRows | undefined> {
  const { vector: vectorType } = await database.vectorTypes();
  const read = (retry?: Retry) =>
    readTarget(database, tenantId, search.collection, (target) => {
      const planned: readonly PlannedRead[] = isOutdated(target, search)
        ? []
        : planReads(database, target, search, retry);
      return {
        plan: planned.map(({ plan }) => plan),
        statements: planned.map(({ statement }) => statement),
        settings: Object.assign({}, search.settings, ...planned.map(({ plan }) => plan.settings)),
        values: vectorsOf(search, vectorType),
        prepare: search.mode === "vector" && !search.matches, // other filters and words need other plans
      };
    });
  const { target, plan: plans, rows } = await read();
  if (isOutdated(target, search)) return undefined;
  const count = search.texts.length;
  const found = { collection: target.collection, vector: groups(count), keyword: groups(count) };
  for (const [index, list] of listsOf(search.mode).entries()) {
    fill(found[list], rows[index]);
    let plan = plans[index] as SearchPlan;
    if (search.indexed !== undefined && isUnselective(plan, found[list]))
      rememberUnselective(database, target, search.indexed);
    for (;;) {
      const retry = planRetry(plan, search, found[list]);
      if (!retry) break;
      const again = await read(retry);
      if (again.target.version !== target.version) return findRows(database, tenantId, search);
      for (const n of retry.queries) found[list][n - 1] = [];
      fill(found[list], again.rows[0]);
      plan = again.plan[0] as SearchPlan;
    }
  }
  return found;
}

/** Whether more rows matched a filter than its pre-filters compare. */
function isUnselective(plan: SearchPlan, outcome: Outcome): boolean {
  if (plan.kind !== "nearest") return false;
  const hasPrefilter = plan.branches.some((branch) => branch.kind === "index" && branch.prefilter);
  const first = outcome.find(([row]) => row?.counts)?.[0];
  return hasPrefilter && first !== undefined && !first.prefiltered?.length;
}

function groups(queries: number): HitRow[][] {
  return Array.from({ length: queries }, () => []);
}

function fill(groups: readonly HitRow[][], rows: readonly object[] = []): void {
  for (const row of rows as readonly HitRow[]) groups[row.n - 1]?.push(row);
}
