import { type SQL, sql } from "drizzle-orm";
import { type CollectionKey, inCollection } from "../collection/collection.ts";
import { listCopies } from "../collection/copies.ts";
import type { Orm } from "../database/database.ts";
import { decodeText } from "../database/text.ts";
import { contentHash } from "../embedding/cache.ts";
import { deleteCachedEmbeddings, storedContentHash } from "../embedding/delete-cached.ts";
import { isCounted, ROW_BYTES, type Stored } from "../usage/quota.ts";
import { deleteRows } from "./delete-rows.ts";
import type { Row } from "./document.ts";
import { keysOf } from "./id.ts";
import { insertTombstones } from "./tombstone.ts";

export interface Erased {
  /** Number of documents whose first passage was deleted. */
  readonly documents: number;
  /** Ids of all documents with a deleted passage. */
  readonly ids: readonly string[];
  /** What the deleted rows took. Null: the tenant has no quota. */
  readonly freed: Stored | null;
}

/** Citus refuses functions that are not immutable, and subqueries, in RETURNING. */
function returnedColumns({ tenantId }: CollectionKey) {
  return {
    computed: sql`${storedContentHash(sql`d.content`)} AS hash, CASE WHEN ${isCounted(tenantId)} THEN ${ROW_BYTES} END AS size`,
    returning: sql`d.id, d.long_id, d.chunk, d.origin, locked.hash, locked.size`,
  };
}

/** Subtracts what was deleted from the counter of a tenant that has a quota, at the end of the transaction. */
export async function releaseErased(orm: Orm, tenantId: string, { freed }: Pick<Erased, "freed">): Promise<void> {
  if (!freed) return;
  const { releaseStorage } = await import("../usage/charge.ts"); // few tenants have a quota
  await releaseStorage(orm, tenantId, freed);
}

/** Maximum keys per statement. */
const MAX_KEYS = 5_000;

/**
 * Deletes the collection's rows that satisfy `matches`, and the cached vectors of their texts. `tombstones`: whether
 * imported documents leave a tombstone, by default false.
 */
export async function eraseRows(
  orm: Orm,
  collection: CollectionKey,
  matches: SQL,
  { tombstones = false } = {},
): Promise<Erased> {
  const [erased] = await orm.selectRows<Omit<Erased, "freed"> & { rows: number; bytes: number | null }>(sql`
        WITH deleted AS (${deleteRows(collection, matches, returnedColumns(collection))}),
        ${tombstones ? sql`tombstones AS (${insertTombstones(collection, sql`SELECT id FROM deleted WHERE origin IS NOT NULL`)}),` : sql``}
        uncached AS (${deleteCachedEmbeddings(collection.tenantId, sql`SELECT hash FROM deleted`)})
        SELECT count(*) FILTER (WHERE chunk = 0)::float8 AS documents,
               coalesce(array_agg(DISTINCT coalesce(long_id, id)), '{}') AS ids,
               count(*)::float8 AS rows, sum(size)::float8 AS bytes FROM deleted`);
  const { documents = 0, ids = [], rows = 0, bytes = null } = erased ?? {};
  return { documents, ids: ids.map(decodeText), freed: bytes === null ? null : { rows, bytes } };
}

/**
 * Deletes documents from the copies of their collection, both retained copies and copies being filled. Call it after the
 * delete or replacement in the same transaction: those statements have waited for any process that fills a copy from these
 * rows.
 */
export async function eraseFromCopies(orm: Orm, collection: CollectionKey, keys: readonly string[]): Promise<void> {
  if (keys.length === 0) return;
  for (const copy of await listCopies(orm, collection))
    for (let start = 0; start < keys.length; start += MAX_KEYS)
      await eraseRows(orm, copy, sql`id = ANY(${sql.param(keys.slice(start, start + MAX_KEYS))}::text[])`);
}

/**
 * The hashes of the texts stored under the rows' ids, in hex. No row is locked: some rows may be new, and the following
 * write must lock old and new rows in the order of their keys.
 */
export async function readContentHashes(
  orm: Orm,
  collection: CollectionKey,
  rows: readonly Row[],
): Promise<readonly string[]> {
  const stored = await orm.selectRows<{ hash: string | null }>(sql`
        SELECT encode(${storedContentHash(sql`content`)}, 'hex') AS hash FROM cairn.documents
        WHERE ${inCollection(collection)} AND id = ANY(${sql.param(keysOf(new Set(rows.map(({ id }) => id))))}::text[])`);
  return stored.flatMap(({ hash }) => hash ?? []);
}

/** Deletes the replaced texts from the embedding cache and the replaced documents from the copies of the collection. */
export async function eraseReplaced(
  orm: Orm,
  collection: CollectionKey,
  { before, rows }: { readonly before: readonly string[]; readonly rows: readonly Row[] },
): Promise<void> {
  const current = new Set(rows.map(({ content }) => content && contentHash(content).toString("hex")));
  const replaced = [...new Set(before)].filter((hash) => !current.has(hash));
  const hashes = sql`SELECT decode(h, 'hex') FROM unnest(${sql.param(replaced)}::text[]) AS h`;
  await Promise.all([
    replaced.length > 0 ? orm.execute(deleteCachedEmbeddings(collection.tenantId, hashes)) : undefined,
    eraseFromCopies(orm, collection, keysOf(new Set(rows.map(({ id }) => id)))),
  ]);
}
