import { sql } from "drizzle-orm";
import { lockCollection } from "../collection/get.ts";
import type { Database, Transaction } from "../database/database.ts";
import { asTenant } from "../database/transaction.ts";
import { AppError } from "../error.ts";
import { compileFilters, type FilterInput } from "../filter/input.ts";
import { scanText } from "../filter/text-scan.ts";
import { eraseFromCopies, eraseRows } from "./erase.ts";
import { storeId } from "./id.ts";
import { inCollection } from "./read.ts";

export interface DeleteOptions extends FilterInput {
  readonly collection?: string;
  readonly ids?: readonly string[];
}

/**
 * Deletes whole documents: those with these ids, or those with a passage that matches the filter, or, where both are
 * given, those for which both hold. They leave the copies of their collection and the cache of embeddings in the same
 * transaction. Of those that an import wrote a tombstone stays, so that no later run restores them. Returns how many.
 * Throws `invalid_input` where neither is given.
 */
export async function deleteDocuments(
  database: Database,
  tenantId: string,
  options: DeleteOptions,
): Promise<number> {
  if (options.ids === undefined && options.filter == null && options.whereDocument == null)
    throw new AppError(
      "invalid_input",
      "Name what to delete: ids or a filter. To empty a collection, delete the collection.",
    );
  const { matches, readsText } = compileFilters(options);
  const work = async ({ orm }: Transaction) => {
    const collection = await lockCollection(orm, tenantId, options.collection);
    const among = options.ids
      ? sql`id = ANY(${sql.param(options.ids.map((id) => storeId(id).key))}::text[])`
      : sql`true`;
    const whole = sql`id IN (SELECT id FROM cairn.documents WHERE ${inCollection(collection)} AND ${among} AND ${matches})`;
    const { documents, keys } = await eraseRows(orm, collection, whole, { tombstones: true });
    await eraseFromCopies(orm, collection, keys);
    return documents;
  };
  return scanText(readsText, (settings) => asTenant(database, tenantId, work, settings));
}
