import { type SQL, sql } from "drizzle-orm";
import { type CollectionKey, isCollection } from "../collection/collection.ts";
import type { Database, Transaction } from "../database/database.ts";
import { asTenant, uuidLiteral } from "../database/transaction.ts";
import { keysOf, storeId } from "./id.ts";

// A tombstone records that an imported document was deleted here, so that an import does not restore it. It holds a hash of
// the document's key, never the id itself.

/** `documents.origin` of an imported row that the service has replaced. No run has this id. */
export const REPLACED_ORIGIN = "00000000-0000-0000-0000-000000000000";

/** The lineage of a collection, as a scalar subquery. */
export function lineageOf(collection: CollectionKey): SQL {
  return sql`(SELECT coalesce(l.lineage, l.id) FROM cairn.collections AS l
              WHERE ${isCollection(collection, sql`l.`)})`;
}

/** The hash of a key of `cairn.documents` in a tombstone. */
function tombstoneHash(lineage: SQL, key: SQL): SQL {
  return sql`sha256(uuid_send(${lineage}) || convert_to(${key}, 'UTF8'))`;
}

/** An INSERT of a tombstone for each key that the query `keys` selects in its column `id`. */
export function insertTombstones(collection: CollectionKey, keys: SQL): SQL {
  return sql`
    INSERT INTO cairn.tombstones AS t (tenant_id, lineage, id_hash)
    SELECT DISTINCT ${uuidLiteral(collection.tenantId)}, l.lineage, ${tombstoneHash(sql`l.lineage`, sql`k.id`)}
    FROM (${keys}) AS k CROSS JOIN (SELECT ${lineageOf(collection)} AS lineage) AS l
    ORDER BY 3
    ON CONFLICT (tenant_id, lineage, id_hash) DO UPDATE SET seen_at = excluded.seen_at`;
}

/** Adds tombstones for existing documents, so that an import does not restore them after they are deleted. */
export async function addTombstones(
  { orm }: Transaction,
  collection: CollectionKey,
  ids: readonly string[],
): Promise<void> {
  if (ids.length === 0) return;
  await orm.execute(insertTombstones(collection, sql`SELECT unnest(${sql.param(keysOf(ids))}::text[]) AS id`));
}

/** The ids that have a tombstone. */
export async function readTombstones(
  database: Database,
  collection: CollectionKey,
  ids: readonly string[],
): Promise<ReadonlySet<string>> {
  const byKey = new Map(ids.map((id) => [storeId(id).key, id]));
  const rows = await asTenant(database, collection.tenantId, ({ orm }) =>
    orm.selectRows<{ id: string }>(selectTombstones(collection, [...byKey.keys()])),
  );
  return new Set(rows.flatMap(({ id }) => byKey.get(id) ?? []));
}

/** A query for the keys that have a tombstone, with the column `id`. A lineage without tombstones costs one index lookup. */
export function selectTombstones(collection: CollectionKey, keys: readonly string[]): SQL {
  const tenant = uuidLiteral(collection.tenantId);
  return sql`
    SELECT k.id FROM (SELECT ${lineageOf(collection)} AS lineage) AS l
    CROSS JOIN unnest(${sql.param(keys)}::text[]) AS k (id)
    WHERE EXISTS (SELECT FROM cairn.tombstones AS any_of
                  WHERE any_of.tenant_id = ${tenant} AND any_of.lineage = ${lineageOf(collection)})
      AND EXISTS (SELECT FROM cairn.tombstones AS t
                  WHERE t.tenant_id = ${tenant} AND t.lineage = l.lineage
                    AND t.id_hash = ${tombstoneHash(sql`l.lineage`, sql`k.id`)})`;
}

/** Deletes the tombstones of these ids in the tenant's open transaction, for an import that overwrites. */
export async function removeTombstones(
  { orm }: Transaction,
  collection: CollectionKey,
  ids: readonly string[],
): Promise<void> {
  await orm.execute(sql`DELETE FROM cairn.tombstones AS t USING ${tombstonesOf(collection, ids)}`);
}

/**
 * The rest of a statement on the tombstones `t` of these ids: the joined tables and the condition. With OFFSET the hashes are
 * not part of the condition, in which Citus refuses functions of columns that are not immutable.
 */
function tombstonesOf(collection: CollectionKey, ids: readonly string[]): SQL {
  return sql`
    (SELECT l.lineage, ${tombstoneHash(sql`l.lineage`, sql`k.id`)} AS id_hash
     FROM (SELECT ${lineageOf(collection)} AS lineage) AS l, unnest(${sql.param(keysOf(ids))}::text[]) AS k (id) OFFSET 0) AS k
    WHERE t.tenant_id = ${uuidLiteral(collection.tenantId)} AND t.lineage = k.lineage AND t.id_hash = k.id_hash`;
}

/** Hours that a tombstone stays after the source no longer has its document, because a deletion may still be in progress. */
const GRACE_HOURS = 1;

/** Whether a collection's lineage has expired tombstones, which may be deleted. */
export async function hasExpiredTombstones(database: Database, collection: CollectionKey): Promise<boolean> {
  const [found] = await asTenant(database, collection.tenantId, ({ orm }) =>
    orm.selectRows<{ old: boolean }>(
      sql`SELECT EXISTS (SELECT FROM cairn.tombstones AS t WHERE ${isExpired(collection)}) AS old`,
    ),
  );
  return found?.old ?? false;
}

/** Records that the source still has documents with these ids, in the tenant's open transaction. */
export async function markTombstonesSeen(
  { orm }: Transaction,
  collection: CollectionKey,
  ids: readonly string[],
): Promise<void> {
  await orm.execute(sql`UPDATE cairn.tombstones AS t SET seen_at = now() FROM ${tombstonesOf(collection, ids)}`);
}

/** Deletes the expired tombstones of a lineage in the tenant's open transaction. `markTombstonesSeen` keeps those that are still needed from expiring. */
export async function deleteExpiredTombstones({ orm }: Transaction, collection: CollectionKey): Promise<void> {
  await orm.execute(sql`DELETE FROM cairn.tombstones AS t WHERE ${isExpired(collection)}`);
}

function isExpired(collection: CollectionKey): SQL {
  return sql`t.tenant_id = ${uuidLiteral(collection.tenantId)} AND t.lineage = ${lineageOf(collection)}
             AND t.seen_at < now() - ${GRACE_HOURS}::int * interval '1 hour'`;
}
