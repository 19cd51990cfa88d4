import { type SQL, sql } from "drizzle-orm";
import { type CollectionKey, inCollection } from "../collection/collection.ts";

/**
 * A DELETE of the collection's rows that satisfy `matches`, with RETURNING. The rows are locked first in the order of
 * their keys, as in `writeRows`. Otherwise, concurrent writes and deletes of the same ids could deadlock.
 * `computed`: an expression that is returned as `locked.computed`. Citus refuses functions that are not immutable in RETURNING.
 */
export function deleteRows(
  collection: CollectionKey,
  matches: SQL,
  { returning, computed = sql`NULL` }: { readonly returning: SQL; readonly computed?: SQL },
): SQL {
  return sql`
    WITH locked AS (
      SELECT id, chunk, ${computed} AS computed FROM cairn.documents WHERE ${inCollection(collection)} AND ${matches}
      ORDER BY id, chunk FOR UPDATE)
    DELETE FROM cairn.documents AS d USING locked
    WHERE ${inCollection(collection, sql`d.`)} AND d.id = locked.id AND d.chunk = locked.chunk
    RETURNING ${returning}`;
}
