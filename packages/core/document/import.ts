import { sql } from "drizzle-orm";
import { type Collection, inCollection } from "../collection/collection.ts";
import type { Transaction } from "../database/database.ts";
import type { Row } from "./document.ts";
import { keysOf } from "./id.ts";
import { isImported } from "./insert.ts";
import { removeTombstones, selectTombstones } from "./tombstone.ts";
import { type WriteOptions, writeRows } from "./write.ts";

export interface ImportOptions extends Omit<WriteOptions, "keepServiceRows"> {
  /** The migration run that writes. */
  readonly origin: string;
  /** Whether to overwrite documents that the service wrote or deleted since an earlier run. */
  readonly overwrite: boolean;
}

/**
 * Imports complete documents in the tenant's open transaction and returns the number of written documents. A document that
 * the service wrote or deleted since an earlier run is not changed, even if this happens concurrently. Throws the errors
 * of `writeRows`.
 */
export async function importRows(
  transaction: Transaction,
  collection: Collection,
  rows: readonly Row[],
  { overwrite, ...options }: ImportOptions,
): Promise<number> {
  const ids = [...new Set(rows.map(({ id }) => id))];
  const written = await writeRows(transaction, collection, rows, { ...options, keepServiceRows: !overwrite });
  const { origin } = options;
  return undoConflictingWrites(transaction, collection, ids, {
    overwrite,
    origin,
    mayHaveSkippedRows: written < rows.length,
  });
}

export interface UndoOptions extends Pick<ImportOptions, "overwrite" | "origin"> {
  /** Whether the import may have skipped rows that the service wrote. */
  readonly mayHaveSkippedRows: boolean;
}

/**
 * Undoes the import's writes to documents that the service wrote or deleted, in the same transaction. Returns the number
 * of documents that remain written.
 */
export async function undoConflictingWrites(
  transaction: Transaction,
  collection: Collection,
  ids: readonly string[],
  { overwrite, origin, mayHaveSkippedRows }: UndoOptions,
): Promise<number> {
  // The rows are locked by now. These statements see all changes committed before, and later changes wait for this transaction.
  if (overwrite) {
    await removeTombstones(transaction, collection, ids);
    return ids.length;
  }
  const serviceWritten = mayHaveSkippedRows ? await undoServiceWritten(transaction, collection, ids, origin) : 0;
  return ids.length - serviceWritten - (await undoDeleted(transaction, collection, ids, origin));
}

/** Deletes new passages of documents that the service wrote in the meantime. Returns the number of such documents. */
async function undoServiceWritten(
  { orm }: Transaction,
  collection: Collection,
  ids: readonly string[],
  origin: string,
): Promise<number> {
  const [count] = await orm.selectRows<{ documents: number }>(sql`
    WITH service_documents AS (
      SELECT DISTINCT id FROM cairn.documents
      WHERE ${inCollection(collection)} AND id = ANY(${sql.param(keysOf(ids))}::text[]) AND NOT ${isImported(sql`origin`)}),
    withdrawn AS (
      DELETE FROM cairn.documents
      WHERE ${inCollection(collection)} AND id IN (SELECT id FROM service_documents) AND origin = ${origin}::uuid)
    SELECT count(*)::int AS documents FROM service_documents`);
  return count?.documents ?? 0;
}

/** Deletes this run's writes to documents with a tombstone. Returns the number of such documents. */
async function undoDeleted(
  { orm }: Transaction,
  collection: Collection,
  ids: readonly string[],
  origin: string,
): Promise<number> {
  const deleted = await orm.selectRows<{ id: string }>(selectTombstones(collection, keysOf(ids)));
  if (deleted.length === 0) return 0;
  const keys = sql.param(deleted.map(({ id }) => id));
  const [withdrawn] = await orm.selectRows<{ documents: number }>(sql`
    WITH withdrawn AS (
      DELETE FROM cairn.documents
      WHERE ${inCollection(collection)} AND origin = ${origin}::uuid AND id = ANY(${keys}::text[])
      RETURNING id)
    SELECT count(DISTINCT id)::int AS documents FROM withdrawn`);
  return withdrawn?.documents ?? 0;
}
