import { type SQL, sql } from "drizzle-orm";
import { uuidLiteral } from "../database/transaction.ts";

/** SHA-256 of a stored text, as `contentHash` makes it: the key of its vector in the cache. */
export function storedHash(column: SQL): SQL {
  return sql`sha256(convert_to(${column}, 'UTF8'))`;
}

/**
 * A DELETE of the tenant's cached vectors whose text has one of the hashes that `hashes` selects, for a WITH. Another
 * document may have the same text: its vector is with its row, and only embedding the text again costs again. Rows are
 * locked in the order of their hashes, as the cache's own writes lock them.
 */
export function forgetEmbeddings(tenantId: string, hashes: SQL): SQL {
  const tenant = uuidLiteral(tenantId);
  return sql`
    DELETE FROM cairn.embedding_cache AS c USING (
      SELECT model, dimensions, content_hash FROM cairn.embedding_cache
      WHERE tenant_id = ${tenant} AND content_hash IN (${hashes})
      ORDER BY content_hash, model, dimensions FOR UPDATE) AS stale
    WHERE c.tenant_id = ${tenant} AND c.model = stale.model AND c.dimensions = stale.dimensions
      AND c.content_hash = stale.content_hash`;
}
