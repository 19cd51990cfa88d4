import { type SQL, sql } from "drizzle-orm";
import { type Collection, DEFAULT_COLLECTION } from "../collection/collection.ts";
import { requireCollection } from "../collection/get.ts";
import type { IndexPlan } from "../collection/index-settings.ts";
import type { Database, ReadOptions } from "../database/database.ts";
import { selectRows } from "../database/rows.ts";
import { asTenant, tenantSettings, uuidLiteral } from "../database/transaction.ts";

/** Of the vectors or the words of closed segments, or of the vectors written since (see tailPlan). */
export type IndexKind = "vector" | "keyword" | "tail";

/** Where the tail ends: none is closed beyond it. The largest integer of Postgres. */
export const LAST_SEGMENT = 2_147_483_647;

export interface BuildNotes {
  /** Of bits: rows that a search compares whole, as measured. */
  readonly reranked?: number;
  /** Of bits: rows nearest by them up to which a filtered scan may go, as measured. Earlier versions have measured none. */
  readonly depth?: number;
  /** Bits order this collection's vectors too coarsely, as was seen here or before. */
  readonly coarse?: true;
  /** See `within`. */
  readonly mark?: number;
  /** Of words: it holds the rows' metadata as well. Those of earlier versions do not. */
  readonly metadata?: true;
  /** Of words: it holds pairs of characters where a language has no spaces. Those of earlier versions do not. */
  readonly bigrams?: true;
  /** Of bits: those stored beside the vectors, made of them where a row has none. Earlier versions make them of all. */
  readonly stored?: true;
}

/** A range of segments with an index of its own, both ends included: closed ones, or all from one on. */
export interface IndexedRange {
  readonly name: string;
  readonly kind: IndexKind;
  readonly first: number;
  readonly last: number;
  /** What it was built with, and what its build found. */
  readonly plan: IndexPlan & BuildNotes;
  /** In its segments when it was built. */
  readonly rows: number;
}

/** A collection as a search sees it. */
export interface SearchTarget {
  readonly collection: Collection;
  /** Changes with whatever of the collection changes: its name, its settings, its indexes. */
  readonly version: string;
  /** Valid indexes, in the order of their segments; those of vectors, the tail's too, do not overlap, nor do those of words. */
  readonly indexes: readonly IndexedRange[];
}

/** Targets looked up before; each is checked by the very search that uses it. */
const known = new WeakMap<object, Map<string, SearchTarget>>();
const MAX_CACHED_TARGETS = 10_000;

export interface TargetRead extends ReadOptions {
  readonly statements: readonly SQL[];
}

/**
 * Runs reads that are made for a collection, in one round trip where the driver can: beside them it asks whether the
 * collection is still as it was when it was looked up, and where it is not, looks again and repeats.
 * Throws `not_found`.
 */
export async function readTarget(
  database: Database,
  tenantId: string,
  nameOrId: string | undefined,
  ask: (target: SearchTarget) => TargetRead,
): Promise<{ readonly target: SearchTarget; readonly rows: readonly (readonly object[])[] }> {
  for (;;) {
    const target = await knownTarget(database, tenantId, nameOrId);
    const asked = attempt(() => ask(target));
    const { statements, settings, ...options } = asked.value ?? { statements: [] };
    const [versions, ...rows] = await database.read([versionOf(target.collection), ...statements], {
      ...options,
      settings: { ...tenantSettings(tenantId), ...settings },
    });
    if ((versions?.[0] as { version?: string } | undefined)?.version === target.version) {
      if ("failure" in asked) throw asked.failure; // refused by the collection as it is, not as it was
      return { target, rows };
    }
    known.get(database.identity)?.delete(keyOf(tenantId, nameOrId));
  }
}

/** What is known of a collection, perhaps out of date: for choosing its model, say. Throws `not_found`. */
export async function knownTarget(
  database: Database,
  tenantId: string,
  nameOrId: string | undefined,
): Promise<SearchTarget> {
  const targets = known.get(database.identity) ?? new Map<string, SearchTarget>();
  known.set(database.identity, targets);
  const key = keyOf(tenantId, nameOrId);
  const target = targets.get(key) ?? (await findTarget(database, tenantId, nameOrId));
  const [oldest] = targets.size >= MAX_CACHED_TARGETS ? targets.keys() : [];
  if (oldest !== undefined) targets.delete(oldest);
  targets.delete(key);
  targets.set(key, target); // last: the first is the one that nobody has asked for the longest
  return target;
}

function attempt<T>(
  work: () => T,
): { readonly value: T } | { readonly value?: undefined; readonly failure: unknown } {
  try {
    return { value: work() };
  } catch (failure) {
    return { failure };
  }
}

function keyOf(tenantId: string, nameOrId = DEFAULT_COLLECTION): string {
  return `${tenantId} ${nameOrId}`;
}

/** The tenant's collection and its valid indexes. Throws `not_found`. */
export function findTarget(database: Database, tenantId: string, nameOrId?: string): Promise<SearchTarget> {
  return asTenant(database, tenantId, async ({ orm }) => {
    const collection = await requireCollection(orm, tenantId, nameOrId);
    // The version first: an index that is finished between the two makes it stale, not wrong.
    const [row] = await selectRows<{ version: string }>(orm, versionOf(collection));
    const indexes = await selectRows<IndexedRange>(
      orm,
      sql`SELECT name, kind, first_segment AS first, last_segment AS last, settings AS plan, rows::float8 AS rows
          FROM cairn.collection_indexes WHERE ${ofCollection(collection)} AND state = 'valid'
          ORDER BY first_segment`,
    );
    return { collection, version: row?.version ?? "", indexes };
  });
}

const versions = new WeakMap<Collection, SQL>();

/** The transaction that wrote the collection's row last. */
function versionOf(collection: Collection): SQL {
  const made = versions.get(collection);
  if (made) return made;
  const { tenantId, id } = collection;
  const statement = sql`SELECT xmin::text AS version FROM cairn.collections
                        WHERE tenant_id = ${uuidLiteral(tenantId)} AND id = ${uuidLiteral(id)}`;
  versions.set(collection, statement);
  return statement;
}

/** The predicate of what belongs to a collection, documents apart: tenant and collection. */
function ofCollection(collection: Collection): SQL {
  return sql`tenant_id = ${uuidLiteral(collection.tenantId)} AND collection_id = ${uuidLiteral(collection.id)}`;
}
