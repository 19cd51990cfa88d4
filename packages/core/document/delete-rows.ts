import { type SQL, sql } from "drizzle-orm";
import type { Collection } from "../collection/collection.ts";
import { inCollection } from "./read.ts";

/**
 * A DELETE of the collection's rows that `matches`, as a statement with RETURNING. The rows are locked first, in the
 * order of their keys, as `writeRows` locks them: without that, writers and deleters of the same ids deadlock.
 */
export function deleteRows(
  collection: Pick<Collection, "tenantId" | "id">,
  matches: SQL,
  returning: SQL,
): SQL {
  return sql`
    WITH locked AS (
      SELECT id, chunk FROM cairn.documents WHERE ${inCollection(collection)} AND ${matches}
      ORDER BY id, chunk FOR UPDATE)
    DELETE FROM cairn.documents AS d USING locked
    WHERE ${inCollection(collection, sql`d.`)} AND d.id = locked.id AND d.chunk = locked.chunk
    RETURNING ${returning}`;
}
