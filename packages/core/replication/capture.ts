import { type SQL, sql } from "drizzle-orm";
import { type Collection, isCollection } from "../collection/collection.ts";
import type { Orm, Transaction } from "../database/database.ts";
import type { Settings } from "../database/settings.ts";
import { encodeText } from "../database/text.ts";
import { uuidLiteral } from "../database/transaction.ts";
import { AppError } from "../error.ts";

// Change data capture for a replica in another system. A change names what may differ, not the new values: the replica reads the
// state at the time when it follows.

/** Maximum ids of one change. */
export const MAX_CHANGE_IDS = 1_000;

/** Settings of a transaction that replicates, and may write a replica. */
export const REPLICATION_SETTINGS: Settings = { "cairn.replicates": "on" };

const REPLICATES = sql`coalesce(current_setting('cairn.replicates', true), '') = 'on'`;

/**
 * Records in the tenant's open transaction that these documents change, if the collection has a replica. `deletes`: it deletes them.
 * Locks the collection's role until the transaction ends. Throws `read_only_replica` if the collection is itself a replica.
 */
export async function captureChanges(
  { orm }: Pick<Transaction, "orm">,
  collection: Collection,
  ids: readonly string[],
  { deletes = false }: { readonly deletes?: boolean } = {},
): Promise<void> {
  if (collection.replication === null || ids.length === 0) return;
  for (let start = 0; start < ids.length; start += MAX_CHANGE_IDS) {
    const slice = ids.slice(start, start + MAX_CHANGE_IDS).map(encodeText);
    await capture(orm, collection, { ids: sql`${sql.param(slice)}::text[]`, deletes });
  }
}

/** Like `captureChanges`, for the collection itself: its name, its metadata, or its deletion. */
export async function captureCollectionChange(
  { orm }: Pick<Transaction, "orm">,
  collection: Collection,
): Promise<void> {
  if (collection.replication !== null) await capture(orm, collection, { ids: sql`NULL::text[]`, deletes: false });
}

async function capture(
  orm: Orm,
  collection: Collection,
  { ids, deletes }: { readonly ids: SQL; readonly deletes: boolean },
): Promise<void> {
  const [state] = await orm.selectRows<{ refused: boolean }>(sql`
    WITH collection AS (
      SELECT coalesce(lineage, id) AS lineage, replication FROM cairn.collections WHERE ${isCollection(collection)} FOR KEY SHARE),
    captured AS (
      INSERT INTO cairn.changes (tenant_id, collection_id, subject, ids, deletes)
      SELECT ${uuidLiteral(collection.tenantId)}, lineage, ${encodeText(collection.name)}::text, ${ids}, ${deletes}::boolean FROM collection
      WHERE replication = 'source' AND NOT ${REPLICATES} RETURNING true)
    SELECT replication = 'replica' AND NOT ${REPLICATES} AS refused FROM collection`);
  if (state?.refused) throw readOnlyReplica(collection.name);
}

export function readOnlyReplica(name: string): AppError {
  return new AppError(
    "read_only_replica",
    `The collection ${JSON.stringify(name)} cannot be changed here: it is the replica of a collection in another system, which serves its tenant. Send the write to that system; after the cut-over, send it here.`,
    { retryAfter: 1 },
  );
}

/**
 * SQL: the condition that the collection still has the role it had when it was read. A write whose collection has changed its
 * role since then finds no open segment and fails with `collection_changed`.
 */
export function hasSameRole({ replication }: Pick<Collection, "replication">): SQL {
  return sql`replication IS NOT DISTINCT FROM ${replication}::text`;
}
