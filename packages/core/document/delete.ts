import { sql } from "drizzle-orm";
import { inCollection } from "../collection/collection.ts";
import { lockCollection } from "../collection/get.ts";
import type { Database, Transaction } from "../database/database.ts";
import { asTenant } from "../database/transaction.ts";
import { AppError } from "../error.ts";
import { compileFilters, type FilterInput } from "../filter/input.ts";
import { scanText } from "../filter/text-scan.ts";
import { captureChanges } from "../replication/capture.ts";
import { eraseFromCopies, eraseRows, releaseErased } from "./erase.ts";
import { keysOf } from "./id.ts";

export interface DeleteOptions extends FilterInput {
  readonly collection?: string;
  readonly ids?: readonly string[];
}

/**
 * Deletes complete documents and returns their number: documents with these ids, or with a passage that matches the
 * filter; if both are given, both must hold. The same transaction deletes them from the copies of their collection and
 * from the embedding cache. An imported document leaves a tombstone, so that no later run restores it.
 * Throws `invalid_input` if neither ids nor a filter is given.
 */
export async function deleteDocuments(database: Database, tenantId: string, options: DeleteOptions): Promise<number> {
  if (options.ids === undefined && options.filter == null && options.whereDocument == null)
    throw new AppError(
      "invalid_input",
      "The documents cannot be deleted: neither ids nor a filter is given. Give one of them. To empty a collection, delete the collection.",
    );
  const { matches, readsText } = compileFilters(options);
  const work = async ({ orm }: Transaction) => {
    const collection = await lockCollection(orm, tenantId, options.collection);
    const hasId = options.ids ? sql`id = ANY(${sql.param(keysOf(options.ids))}::text[])` : sql`true`;
    const isDeleted = sql`id IN (SELECT id FROM cairn.documents WHERE ${inCollection(collection)} AND ${hasId} AND ${matches})`;
    const { documents, ids, freed } = await eraseRows(orm, collection, isDeleted, { tombstones: true });
    await captureChanges({ orm }, collection, ids, { deletes: true });
    await eraseFromCopies(orm, collection, keysOf(ids));
    await releaseErased(orm, tenantId, { freed });
    return documents;
  };
  return scanText(readsText, (settings) => asTenant(database, tenantId, work, settings));
}
