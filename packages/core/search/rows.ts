import type { Collection } from "../collection/collection.ts";
import type { Database } from "../database/database.ts";
import type { Settings } from "../database/settings.ts";
import { rememberWide } from "./filtered.ts";
import type { HitRow } from "./hit.ts";
import {
  findShort,
  isOutdated,
  listReads,
  listsOf,
  type Repeat,
  type RowSearch,
  vectorsOf,
} from "./reads.ts";
import { readTarget } from "./target.ts";

/** For each query the rows nearest by vector and those that have most of its words; a mode leaves one list empty. */
export interface Found {
  readonly collection: Collection;
  readonly vector: readonly (readonly HitRow[])[];
  readonly keyword: readonly (readonly HitRow[])[];
}

/**
 * Through the collection's indexes; what one of them gives too few rows for, as a filter can make it, is compared row by
 * row. Undefined where the texts were embedded by another model than the collection has by now.
 */
export async function findRows(
  database: Database,
  tenantId: string,
  search: RowSearch & { readonly collection: string | undefined; readonly settings?: Settings },
): Promise<Found | undefined> {
  const { vector: vectorType } = await database.vectorTypes();
  let gated = false;
  const read = (repeat?: Repeat) =>
    readTarget(database, tenantId, search.collection, (target) => {
      if (isOutdated(target, search)) return { statements: [] };
      const reads = listReads(target, search, repeat);
      gated = reads.some((one) => one.gated);
      return {
        statements: reads.map(({ statement }) => statement),
        settings: Object.assign({}, search.settings, ...reads.map(({ settings }) => settings)),
        values: vectorsOf(search, vectorType),
        prepare: search.mode === "vector" && !search.matches, // what a filter or words let through is planned for them
      };
    });
  const { target, rows } = await read();
  if (isOutdated(target, search)) return undefined;
  const count = search.texts.length;
  const found = { collection: target.collection, vector: groups(count), keyword: groups(count) };
  for (const [index, list] of listsOf(search.mode).entries()) {
    fill(found[list], rows[index]);
    const given = list === "vector" && gated ? found.vector.find(([first]) => first)?.[0]?.given : undefined;
    if (search.contained !== undefined && given) rememberWide(target, search.contained, given);
    for (let before: Repeat | undefined; ; ) {
      const repeat = findShort(target, { list, search, before }, found[list]);
      if (!repeat) break;
      const again = await read(repeat);
      if (again.target.version !== target.version) return findRows(database, tenantId, search);
      for (const n of repeat.queries) found[list][n - 1] = [];
      fill(found[list], again.rows[0]);
      before = repeat;
    }
  }
  return found;
}

function groups(queries: number): HitRow[][] {
  return Array.from({ length: queries }, () => []);
}

function fill(groups: readonly HitRow[][], rows: readonly object[] = []): void {
  for (const row of rows as readonly HitRow[]) groups[row.n - 1]?.push(row);
}
