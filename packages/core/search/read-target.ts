import { type SQL, sql } from "drizzle-orm";
import { type Collection, DEFAULT_COLLECTION, inCollection, isCollection } from "../collection/collection.ts";
import { requireCollection } from "../collection/get.ts";
import type { Database, ReadOptions } from "../database/database.ts";
import { asTenant, tenantSettings } from "../database/transaction.ts";
import { readSettings, type StoredSettings } from "../index/accuracy.ts";
import type { IndexedRange } from "../index/indexed-range.ts";
import type { IndexPlan } from "../index/settings.ts";
import { searchCache } from "./cache.ts";
import type { SearchTarget } from "./target.ts";

/** Reads that depend on a collection, with the plan that the caller needs to interpret their rows. */
export interface TargetRead<Plan> extends ReadOptions {
  readonly plan: Plan;
  readonly statements: readonly SQL[];
}

export interface TargetAnswer<Plan> {
  readonly target: SearchTarget;
  readonly plan: Plan;
  /** The rows of each statement. */
  readonly rows: readonly (readonly object[])[];
}

/**
 * Sends the reads that `prepare` returns for a collection, in one round trip if the driver supports it. They include the
 * collection's version: if the cached target is outdated, it is read again and the reads are repeated. Throws `not_found`.
 */
export async function readTarget<Plan>(
  database: Database,
  tenantId: string,
  nameOrId: string | undefined,
  prepare: (target: SearchTarget) => TargetRead<Plan>,
): Promise<TargetAnswer<Plan>> {
  for (;;) {
    const target = await cachedTarget(database, tenantId, nameOrId);
    const prepared = attempt(() => prepare(target));
    const { statements = [], settings, values, prepare: isPrepared } = prepared.value ?? {};
    const [versions, ...rows] = await database.read([versionStatement(database, target), ...statements], {
      values,
      prepare: isPrepared,
      settings: { ...tenantSettings(tenantId), ...settings },
    });
    if ((versions?.[0] as { version?: string } | undefined)?.version === target.version) {
      if (!prepared.value) throw prepared.failure; // the target is current, so the search itself is at fault
      return { target, plan: prepared.value.plan, rows };
    }
    searchCache(database).targets.delete(keyOf(tenantId, nameOrId));
  }
}

/** The cached target, which may be outdated; enough, for example, to choose the model. Throws `not_found`. */
export async function cachedTarget(
  database: Database,
  tenantId: string,
  nameOrId: string | undefined,
): Promise<SearchTarget> {
  const { targets } = searchCache(database);
  const key = keyOf(tenantId, nameOrId);
  const cached = targets.get(key);
  if (cached) return cached;
  const target = await findTarget(database, tenantId, nameOrId);
  targets.set(key, target);
  return target;
}

function attempt<T>(work: () => T): { readonly value: T } | { readonly value?: undefined; readonly failure: unknown } {
  try {
    return { value: work() };
  } catch (failure) {
    return { failure };
  }
}

function keyOf(tenantId: string, nameOrId = DEFAULT_COLLECTION): string {
  return `${tenantId} ${nameOrId}`;
}

/** The tenant's collection and its valid indexes, from the database. Throws `not_found`. */
export function findTarget(database: Database, tenantId: string, nameOrId?: string): Promise<SearchTarget> {
  return asTenant(database, tenantId, async ({ orm }) => {
    const collection = await requireCollection(orm, tenantId, nameOrId);
    // The version is read first: if an index is published between the two statements, the target is outdated instead of wrong.
    const [row] = await orm.selectRows<{ version: string }>(versionOf(collection));
    const rows = await orm.selectRows<Omit<IndexedRange, "plan"> & { plan: IndexPlan & StoredSettings }>(sql`
          SELECT name, kind, first_segment AS first, last_segment AS last, settings AS plan, rows::float8 AS rows
          FROM cairn.collection_indexes
          WHERE ${inCollection(collection)} AND state = 'valid'
          ORDER BY first_segment`);
    const indexes = rows.map((index) => ({ ...index, plan: readSettings(index.plan) }));
    return { collection, version: row?.version ?? "", indexes };
  });
}

function versionStatement(database: Database, target: SearchTarget): SQL {
  const { versions } = searchCache(database);
  const statement = versions.get(target) ?? versionOf(target.collection);
  versions.set(target, statement);
  return statement;
}

/** The version of a collection: the transaction that last wrote its row. */
function versionOf(collection: Collection): SQL {
  return sql`SELECT xmin::text AS version FROM cairn.collections
             WHERE ${isCollection(collection)}`;
}

/** Forgets the cached target, which the caller knows to be outdated. */
export function forgetTarget(database: Database, tenantId: string, nameOrId: string): void {
  searchCache(database).targets.delete(keyOf(tenantId, nameOrId));
}
