import { sql } from "drizzle-orm";
import { inCollection } from "../collection/collection.ts";
import { requireCollection } from "../collection/get.ts";
import type { Database } from "../database/database.ts";
import { asTenant } from "../database/transaction.ts";
import { decodeVector } from "../database/vector.ts";
import { keysOf, restoreId } from "./id.ts";

interface VectorRow {
  readonly id: string;
  readonly long_id: string | null;
  readonly embedding: Uint8Array | null;
}

/**
 * The vectors of documents by id: one per passage, in order, null for a passage without a vector.
 * Throws `not_found` for the collection.
 */
export function readVectors(
  database: Database,
  tenantId: string,
  options: { readonly collection?: string; readonly ids: readonly string[] },
): Promise<ReadonlyMap<string, readonly (Float32Array | null)[]>> {
  return asTenant(database, tenantId, async ({ orm }) => {
    const collection = await requireCollection(orm, tenantId, options.collection);
    const rows = await orm.selectRows<VectorRow>(sql`SELECT id, long_id, vector_send(embedding) AS embedding
          FROM cairn.documents
          WHERE ${inCollection(collection)} AND id = ANY(${sql.param(keysOf(options.ids))}::text[])
          ORDER BY id, chunk`);
    const byId = Map.groupBy(rows, ({ id, long_id }) => restoreId(id, long_id));
    const decode = ({ embedding }: VectorRow) => (embedding === null ? null : decodeVector(embedding));
    return new Map(byId.entries().map(([id, passages]) => [id, passages.map(decode)]));
  });
}
