import { sql } from "drizzle-orm";
import { type Collection, inCollection } from "../collection/collection.ts";
import type { Transaction } from "../database/database.ts";
import { eraseFromCopies, eraseRows, releaseErased } from "../document/erase.ts";
import { keysOf } from "../document/id.ts";
import type { SearchFilter } from "../filter/input.ts";
import { captureChanges } from "../replication/capture.ts";
import { INSERTION_ORDER, recordMatches } from "./read.ts";

/**
 * Deletes records that match, the first ones in insertion order up to `limit` (default: all), in the tenant's open transaction.
 * Returns their number. They are deleted from the copies of the collection and from the embedding cache too.
 */
export async function deleteRecords(
  { orm }: Transaction,
  collection: Collection,
  { filter, limit }: { readonly filter: SearchFilter | undefined; readonly limit?: number },
): Promise<number> {
  const isDeleted = sql`id IN (
    SELECT id FROM cairn.documents
    WHERE ${inCollection(collection)} AND chunk = 0 AND ${recordMatches(collection, filter)}
    ORDER BY ${INSERTION_ORDER} LIMIT ${limit ?? null}::bigint)`;
  const { documents, ids, freed } = await eraseRows(orm, collection, isDeleted, { tombstones: true });
  await captureChanges({ orm }, collection, ids, { deletes: true });
  await eraseFromCopies(orm, collection, keysOf(ids));
  await releaseErased(orm, collection.tenantId, { freed });
  return documents;
}
