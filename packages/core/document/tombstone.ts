import { type SQL, sql } from "drizzle-orm";
import type { Collection } from "../collection/collection.ts";
import type { Database, Transaction } from "../database/database.ts";
import { selectRows } from "../database/rows.ts";
import { asTenant, uuidLiteral } from "../database/transaction.ts";
import { storeId } from "./id.ts";

// A tombstone says that an import must not write a document again, as it was deleted here since. It holds a hash of the
// document's key, never the id itself.

/** `documents.origin` of a row that the service wrote over one of an import's. No run has this id. */
export const REPLACED = "00000000-0000-0000-0000-000000000000";

type Target = Pick<Collection, "tenantId" | "id">;

/** The lineage of a collection, as a scalar subquery. */
export function lineageOf({ tenantId, id }: Target): SQL {
  return sql`(SELECT coalesce(l.lineage, l.id) FROM cairn.collections AS l
              WHERE l.tenant_id = ${uuidLiteral(tenantId)} AND l.id = ${uuidLiteral(id)})`;
}

/** The hash under which a key of `cairn.documents` is known. */
function tombstoneHash(lineage: SQL, key: SQL): SQL {
  return sql`sha256(uuid_send(${lineage}) || convert_to(${key}, 'UTF8'))`;
}

/** Adds a tombstone for each of the keys that `keys`, a query with the one column `id`, selects. */
export function insertTombstones(collection: Target, keys: SQL): SQL {
  return sql`
    INSERT INTO cairn.tombstones AS t (tenant_id, lineage, id_hash)
    SELECT DISTINCT ${uuidLiteral(collection.tenantId)}, l.lineage, ${tombstoneHash(sql`l.lineage`, sql`k.id`)}
    FROM (${keys}) AS k CROSS JOIN (SELECT ${lineageOf(collection)} AS lineage) AS l
    ORDER BY 3
    ON CONFLICT (tenant_id, lineage, id_hash) DO UPDATE SET seen_at = now()`;
}

/** Adds tombstones of documents that stand here now, so that an import restores none of them once it is deleted. */
export async function addTombstones(
  { orm }: Transaction,
  collection: Collection,
  ids: readonly string[],
): Promise<void> {
  if (ids.length === 0) return;
  const keys = ids.map((id) => storeId(id).key);
  await orm.execute(insertTombstones(collection, sql`SELECT unnest(${sql.param(keys)}::text[]) AS id`));
}

/** Those of the ids that have a tombstone. */
export async function readTombstones(
  database: Database,
  collection: Collection,
  ids: readonly string[],
): Promise<ReadonlySet<string>> {
  const byKey = new Map(ids.map((id) => [storeId(id).key, id]));
  const rows = await asTenant(database, collection.tenantId, ({ orm }) =>
    selectRows<{ id: string }>(orm, tombstonesAmong(collection, [...byKey.keys()])),
  );
  return new Set(rows.flatMap(({ id }) => byKey.get(id) ?? []));
}

/** The keys that have a tombstone, as a query with the column `id`. A lineage without any costs one look at the index. */
export function tombstonesAmong(collection: Target, keys: readonly string[]): SQL {
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

/** Removes the tombstones of these ids, in the tenant's open transaction: an import is told to write them again. */
export async function removeTombstones(
  { orm }: Transaction,
  collection: Collection,
  ids: readonly string[],
): Promise<void> {
  const keys = ids.map((id) => storeId(id).key);
  await orm.execute(sql`
    DELETE FROM cairn.tombstones AS t USING (SELECT ${lineageOf(collection)} AS lineage) AS l,
      unnest(${sql.param(keys)}::text[]) AS k (id)
    WHERE t.tenant_id = ${uuidLiteral(collection.tenantId)} AND t.lineage = l.lineage
      AND t.id_hash = ${tombstoneHash(sql`l.lineage`, sql`k.id`)}`);
}

/** Hours that a tombstone stays although the import's source had its document no longer: a deletion may still be under way. */
const GRACE = 1;

/** Whether a collection's lineage has tombstones that were last seen so long ago that they may be forgotten. */
export async function hasOldTombstones(database: Database, collection: Collection): Promise<boolean> {
  const [found] = await asTenant(database, collection.tenantId, ({ orm }) =>
    selectRows<{ old: boolean }>(
      orm,
      sql`SELECT EXISTS (SELECT FROM cairn.tombstones AS t WHERE ${isOld(collection)}) AS old`,
    ),
  );
  return found?.old ?? false;
}

/** Notes that the import's source still has documents with these ids, in the tenant's open transaction. */
export async function markSeen(
  { orm }: Transaction,
  collection: Collection,
  ids: readonly string[],
): Promise<void> {
  const keys = ids.map((id) => storeId(id).key);
  await orm.execute(sql`
    UPDATE cairn.tombstones AS t SET seen_at = now()
    FROM (SELECT ${lineageOf(collection)} AS lineage) AS l, unnest(${sql.param(keys)}::text[]) AS k (id)
    WHERE t.tenant_id = ${uuidLiteral(collection.tenantId)} AND t.lineage = l.lineage
      AND t.id_hash = ${tombstoneHash(sql`l.lineage`, sql`k.id`)}`);
}

/** Forgets the old tombstones of a lineage, in the tenant's open transaction: `markSeen` has kept those that are needed. */
export async function forgetOldTombstones({ orm }: Transaction, collection: Collection): Promise<void> {
  await orm.execute(sql`DELETE FROM cairn.tombstones AS t WHERE ${isOld(collection)}`);
}

function isOld(collection: Collection): SQL {
  return sql`t.tenant_id = ${uuidLiteral(collection.tenantId)} AND t.lineage = ${lineageOf(collection)}
             AND t.seen_at < now() - ${GRACE}::int * interval '1 hour'`;
}
