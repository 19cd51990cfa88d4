import { type SQL, sql } from "drizzle-orm";
import { type CollectionKey, inCollection } from "../collection/collection.ts";

/** The statement that counts records, through the index of the insertion order. */
export function countStatement(collection: CollectionKey): SQL {
  return sql`SELECT count(*)::float8 AS records FROM cairn.documents WHERE ${inCollection(collection)} AND chunk = 0`;
}
