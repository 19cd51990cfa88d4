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

/** What is stored under the ids of rows that will be written. */
export interface Replaced {
  /** Hashes of the texts, in hex. */
  readonly hashes: readonly string[];
  /** Bytes of the rows that the write replaces or deletes. 0 if the tenant has no quota. */
  readonly bytes: number;
}

export const NONE_REPLACED: Replaced = { hashes: [], bytes: 0 };

export interface ReplacedOptions {
  /** SQL: which of the rows `d` under these ids the write replaces or deletes. */
  readonly isReplaced: SQL;
  /** Whether a row without a text keeps the stored one. Default false. */
  readonly keepsTexts?: boolean;
}

/**
 * Reads what a write of rows will replace. No row is locked: some rows may be new, and the following write must lock old and new
 * rows in the order of their keys.
 */
export async function readReplaced(
  orm: Orm,
  collection: CollectionKey,
  rows: readonly Pick<Row, "id" | "content">[],
  { isReplaced, keepsTexts = false }: ReplacedOptions,
): Promise<Replaced> {
  const withText = keepsTexts ? rows.filter(({ content }) => content !== null) : rows;
  const keys = (some: typeof rows) => sql`${sql.param(keysOf(new Set(some.map(({ id }) => id))))}::text[]`;
  const hasNewText = withText.length === rows.length ? sql`true` : sql`d.id = ANY(${keys(withText)})`;
  const stored = await orm.selectRows<{ hash: string | null; size: number | null }>(sql`
        SELECT CASE WHEN ${hasNewText} THEN encode(${storedContentHash(sql`d.content`)}, 'hex') END AS hash,
               CASE WHEN ${isCounted(collection.tenantId)} AND ${isReplaced} THEN ${ROW_BYTES} END AS size
        FROM cairn.documents AS d
        WHERE ${inCollection(collection, sql`d.`)} AND d.id = ANY(${keys(rows)})`);
  return {
    hashes: stored.flatMap(({ hash }) => hash ?? []),
    bytes: stored.reduce((sum, { size }) => sum + (size ?? 0), 0),
  };
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
