import { type SQL, sql } from "drizzle-orm";
import { type Collection, inCollection, isCollection } from "../collection/collection.ts";
import type { Orm, Transaction, VectorTypes } from "../database/database.ts";
import { AppError } from "../error.ts";
import { captureChanges } from "../replication/capture.ts";
import type { QuotaMode } from "../usage/quota.ts";
import type { Row } from "./document.ts";
import { eraseReplaced, NONE_REPLACED, readReplaced } from "./erase.ts";
import { storeId } from "./id.ts";
import {
  type Inserted,
  inLockOrder,
  insertSlice,
  isImported,
  nextOrigin,
  numberRows,
  sendSlices,
  sliceRows,
} from "./insert.ts";

export interface WriteOptions {
  readonly types: VectorTypes;
  /** The migration run that writes. Undefined: the service writes. */
  readonly origin?: string;
  /** Skips the cleanup after a replacement: other rows with the same ids, cached vectors and copies stay. Default false. */
  readonly skipCleanup?: boolean;
  /** Does not change rows that the service wrote. For imports. Default false. */
  readonly keepServiceRows?: boolean;
  /** Default `enforce` if the service writes, `count` if a migration does. */
  readonly quotaMode?: QuotaMode;
}

/**
 * Writes complete documents in the tenant's open transaction and replaces documents with the same ids. The replaced texts
 * are deleted from the copies of the collection and from the embedding cache. All writes to the table use this function:
 * vectors are sent in binary, and a vector of wrong dimensions is rejected before anything is sent.
 * Returns the number of written rows: all, unless `keepServiceRows` skips some. Throws `dimension_mismatch`,
 * `collection_changed` and `quota_exceeded`.
 */
export async function writeRows(
  transaction: Transaction,
  collection: Collection,
  rows: readonly Row[],
  options: WriteOptions,
): Promise<number> {
  if (rows.length === 0) return 0;
  assertDimensions(collection, rows);
  await captureChanges(transaction, collection, [...new Set(rows.map(({ id }) => id))]);
  await setInitialDimensions(transaction, collection, rows);
  const { orm } = transaction;
  const { types, origin } = options;
  const slices = [...sliceRows(inLockOrder(numberRows(rows)))];
  const [before, , written] = await Promise.all([
    options.skipCleanup ? NONE_REPLACED : readReplaced(orm, collection, rows, { isReplaced: replacedBy(rows, options) }),
    slices.length > 1 ? transaction.reserveMemory() : undefined,
    sendSlices(slices, (slice, index) =>
      insertSlice(orm, collection, slice, { types, origin, isFirst: index === 0, onConflict: replaceRow(options) }),
    ),
  ]);
  // A previous text with more passages also had the first one: if no row was replaced, no old passage is left.
  // This runs last: the writes above have waited for concurrent writers of the same ids, so it sees their rows.
  const [surplus] =
    !options.skipCleanup && written.some(({ replaced }) => replaced > 0)
      ? await Promise.all([
          deleteSurplusPassages(transaction, collection, rows, options),
          eraseReplaced(orm, collection, { before: before.hashes, rows }),
        ])
      : [0];
  const mode = options.quotaMode ?? (origin === undefined ? "enforce" : "count");
  await chargeWritten(orm, collection, { written, deletedRows: surplus, replacedBytes: before.bytes, mode });
  return written.reduce((sum, slice) => sum + slice.written, 0);
}

/** Adds what was written, less what it replaced, to the counter of a tenant that has a quota. Throws `quota_exceeded`. */
export async function chargeWritten(
  orm: Orm,
  { tenantId }: Pick<Collection, "tenantId">,
  { written, deletedRows = 0, replacedBytes, mode }: WrittenStorage,
): Promise<void> {
  const quota = written.find((slice) => slice.quota)?.quota;
  if (!quota) return;
  const added = {
    rows: written.reduce((sum, slice) => sum + slice.written - slice.replaced, -deletedRows),
    bytes: written.reduce((sum, { size }) => sum + size, -replacedBytes),
  };
  const { chargeStorage } = await import("../usage/charge.ts"); // few tenants have a quota
  await chargeStorage(orm, tenantId, { added, quota, mode });
}

interface WrittenStorage {
  readonly written: readonly Pick<Inserted, "written" | "replaced" | "quota" | "size">[];
  /** Rows that were deleted with it. Default 0. */
  readonly deletedRows?: number;
  /** Bytes of the rows that were replaced or deleted. */
  readonly replacedBytes: number;
  readonly mode: QuotaMode;
}

/**
 * SQL: whether the write replaces or deletes an existing row `d` with the id of a written one. Earlier passages than the first of
 * the call stay: they are of the same document, which is written in several calls.
 */
function replacedBy(rows: readonly Row[], { keepServiceRows }: Pick<WriteOptions, "keepServiceRows">): SQL {
  const first = rows.reduce((min, { chunk }) => Math.min(min, chunk), 2 ** 31 - 1);
  return sql`d.chunk >= ${first}::int AND ${keepServiceRows ? isImported(sql`d.origin`) : sql`true`}`;
}

/** SQL: replaces an existing row, after ON CONFLICT. */
function replaceRow({ keepServiceRows }: Pick<WriteOptions, "keepServiceRows">): SQL {
  return sql`
    DO UPDATE SET
      content = excluded.content, text_offset = excluded.text_offset, offset_at = excluded.offset_at,
      headings = excluded.headings, headings_at = excluded.headings_at,
      embedding = excluded.embedding, bits = excluded.bits, metadata = excluded.metadata, segment = excluded.segment,
      uri = excluded.uri, long_id = excluded.long_id, origin = ${nextOrigin()}, updated_at = excluded.updated_at
    ${keepServiceRows ? sql`WHERE ${isImported(sql`d.origin`)}` : sql``}`;
}

/** Throws `dimension_mismatch` with both numbers and the vector's path if a vector does not have the collection's dimensions. */
export function assertDimensions(
  collection: Collection,
  rows: readonly (Pick<Row, "id" | "embedding"> & { readonly path?: string })[],
): void {
  const expected = collection.dimensions ?? rows.find((row) => row.embedding)?.embedding?.length;
  for (const { id, embedding, path } of rows) {
    if (!embedding || embedding.length === expected) continue;
    throw new AppError(
      "dimension_mismatch",
      `The vector cannot be stored: collection ${JSON.stringify(collection.name)} has vectors of ${expected} dimensions, and the ` +
        `vector of document ${JSON.stringify(id.slice(0, 80))} has ${embedding.length}. Embed it with the collection's model` +
        `${collection.embeddingModel ? ` (${collection.embeddingModel})` : ""}, or create a collection of ${embedding.length} dimensions.`,
      { path },
    );
  }
}

/** Sets the dimensions of a collection without dimensions to those of its first vector. */
export async function setInitialDimensions(
  { orm }: Transaction,
  collection: Collection,
  rows: readonly Pick<Row, "embedding">[],
): Promise<void> {
  const dimensions = rows.find((row) => row.embedding)?.embedding?.length;
  if (collection.dimensions !== null || dimensions === undefined) return;
  const updated = await orm.execute(sql`
    UPDATE cairn.collections SET dimensions = ${dimensions}::int
    WHERE ${isCollection(collection)}
      AND (dimensions IS NULL OR dimensions = ${dimensions}::int)
    RETURNING id`);
  if ((updated as unknown as { rows: unknown[] }).rows.length === 0)
    throw new AppError(
      "dimension_mismatch",
      `Vectors of ${dimensions} dimensions cannot be stored: another request has just written vectors of other dimensions to collection ${JSON.stringify(collection.name)}. Use vectors of those dimensions.`,
    );
}

/** Deletes the passages after the new end of a text that became shorter, and returns their number. */
async function deleteSurplusPassages(
  { orm }: Transaction,
  collection: Collection,
  rows: readonly Row[],
  { keepServiceRows }: WriteOptions,
): Promise<number> {
  const chunks = new Map<string, number>();
  for (const row of rows) {
    const { key } = storeId(row.id);
    chunks.set(key, Math.max(chunks.get(key) ?? 0, row.chunk + 1));
  }
  const [deleted] = await orm.selectRows<{ rows: number }>(sql`
    WITH deleted AS (
    DELETE FROM cairn.documents AS d
    USING unnest(${sql.param([...chunks.keys()])}::text[], ${sql.param([...chunks.values()])}::int[]) AS r (id, chunks)
    WHERE ${inCollection(collection, sql`d.`)} AND d.id = r.id AND d.chunk >= r.chunks ${keepServiceRows ? sql`AND ${isImported(sql`d.origin`)}` : sql``}
    RETURNING d.chunk)
    SELECT count(*)::int AS rows FROM deleted`);
  return deleted?.rows ?? 0;
}
