import { type SQL, sql } from "drizzle-orm";
import { uuidLiteral } from "../database/transaction.ts";

/** SQL for the `contentHash` of a stored text: the key of its vector in the cache. */
export function storedContentHash(column: SQL): SQL {
  return sql`sha256(convert_to(${column}, 'UTF8'))`;
}

/**
 * A DELETE of the tenant's cached vectors whose text has one of the hashes that `hashes` selects, for use in a WITH
 * clause. If another document has the same text, its row keeps its vector; only embedding the text again costs again.
 * Rows are locked in the order of their hashes, as in the writes of the cache.
 */
export function deleteCachedEmbeddings(tenantId: string, hashes: SQL): SQL {
  const tenant = uuidLiteral(tenantId);
  return sql`
    DELETE FROM cairn.embedding_cache AS c USING (
      SELECT model, dimensions, content_hash FROM cairn.embedding_cache
      WHERE tenant_id = ${tenant} AND content_hash IN (${hashes})
      ORDER BY content_hash, model, dimensions FOR UPDATE) AS stale
    WHERE c.tenant_id = ${tenant} AND c.model = stale.model AND c.dimensions = stale.dimensions
      AND c.content_hash = stale.content_hash`;
}
