import { sql } from "drizzle-orm";
import type { Collection } from "../collection/collection.ts";
import type { Transaction } from "../database/database.ts";
import { selectRows } from "../database/rows.ts";
import type { Row } from "./document.ts";
import { storeId } from "./id.ts";
import { inCollection } from "./read.ts";
import { removeTombstones, tombstonesAmong } from "./tombstone.ts";
import { isImported, type WriteOptions, writeRows } from "./write.ts";

export interface ImportOptions extends Omit<WriteOptions, "keepOwn"> {
  /** The run that writes. */
  readonly origin: string;
  /** Also over what was written or deleted here since an earlier run. */
  readonly overwrite: boolean;
}

/**
 * Writes whole documents as an import does, in the tenant's open transaction: one that the service has written or
 * deleted since an earlier run stays as it is, also where that happens at this very moment. Returns how many documents
 * were written. Throws what `writeRows` throws.
 */
export async function importRows(
  transaction: Transaction,
  collection: Collection,
  rows: readonly Row[],
  { overwrite, ...options }: ImportOptions,
): Promise<number> {
  const ids = [...new Set(rows.map(({ id }) => id))];
  const written = await writeRows(transaction, collection, rows, { ...options, keepOwn: !overwrite });
  const { origin } = options;
  return settleImport(transaction, collection, ids, { overwrite, origin, keepsOwn: written < rows.length });
}

export interface SettleOptions extends Pick<ImportOptions, "overwrite" | "origin"> {
  /** Whether a row may have been left as the service wrote it. */
  readonly keepsOwn: boolean;
}

/**
 * Withdraws what an import has just written of documents that are not its own to write, in the same transaction. Returns
 * how many of the documents are written.
 */
export async function settleImport(
  transaction: Transaction,
  collection: Collection,
  ids: readonly string[],
  { overwrite, origin, keepsOwn }: SettleOptions,
): Promise<number> {
  // Each of these comes after the rows are locked, so it sees whatever was committed before that; whoever changes one
  // of these documents later waits for this transaction.
  if (overwrite) {
    await removeTombstones(transaction, collection, ids);
    return ids.length;
  }
  const kept = keepsOwn ? await withdrawKept(transaction, collection, ids, origin) : 0;
  return ids.length - kept - (await withdrawDeleted(transaction, collection, ids, origin));
}

/** Of documents that the service wrote meanwhile, deletes the passages that were new: the document is not this run's. */
async function withdrawKept(
  { orm }: Transaction,
  collection: Collection,
  ids: readonly string[],
  origin: string,
): Promise<number> {
  const [kept] = await selectRows<{ documents: number }>(
    orm,
    sql`
    WITH kept AS (
      SELECT DISTINCT id FROM cairn.documents
      WHERE ${inCollection(collection)} AND id = ANY(${sql.param(keysOf(ids))}::text[]) AND NOT ${isImported(sql`origin`)}),
    withdrawn AS (
      DELETE FROM cairn.documents
      WHERE ${inCollection(collection)} AND id IN (SELECT id FROM kept) AND origin = ${origin}::uuid)
    SELECT count(*)::int AS documents FROM kept`,
  );
  return kept?.documents ?? 0;
}

/** Of documents that were deleted meanwhile or before, deletes what this run has just written. */
async function withdrawDeleted(
  { orm }: Transaction,
  collection: Collection,
  ids: readonly string[],
  origin: string,
): Promise<number> {
  const deleted = await selectRows<{ id: string }>(orm, tombstonesAmong(collection, keysOf(ids)));
  if (deleted.length === 0) return 0;
  const keys = sql.param(deleted.map(({ id }) => id));
  const [withdrawn] = await selectRows<{ documents: number }>(
    orm,
    sql`
    WITH withdrawn AS (
      DELETE FROM cairn.documents
      WHERE ${inCollection(collection)} AND origin = ${origin}::uuid AND id = ANY(${keys}::text[])
      RETURNING id)
    SELECT count(DISTINCT id)::int AS documents FROM withdrawn`,
  );
  return withdrawn?.documents ?? 0;
}

function keysOf(ids: readonly string[]): readonly string[] {
  return ids.map((id) => storeId(id).key);
}
