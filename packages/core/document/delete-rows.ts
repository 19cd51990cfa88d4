import { type SQL, sql } from "drizzle-orm";
import { type CollectionKey, inCollection } from "../collection/collection.ts";

/**
 * A DELETE of the collection's rows that satisfy `matches`, with RETURNING. The rows are locked first in the order of
 * their keys, as in `writeRows`. Otherwise, concurrent writes and deletes of the same ids could deadlock.
 * `computed`: columns of the row `d`, which `returning` finds in `locked`.
 */
export function deleteRows(
  collection: CollectionKey,
  matches: SQL,
  { returning, computed }: { readonly returning: SQL; readonly computed?: SQL },
): SQL {
  return sql`
    WITH locked AS (
      SELECT d.id, d.chunk${computed ? sql`, ${computed}` : sql``} FROM cairn.documents AS d
      WHERE ${inCollection(collection, sql`d.`)} AND ${matches} ORDER BY d.id, d.chunk FOR UPDATE)
    DELETE FROM cairn.documents AS d USING locked
    WHERE ${inCollection(collection, sql`d.`)} AND d.id = locked.id AND d.chunk = locked.chunk
    RETURNING ${returning}`;
}
