import { sql } from "drizzle-orm";
import type { Orm } from "../database/database.ts";
import { uuidLiteral } from "../database/transaction.ts";
import type { CollectionKey } from "./collection.ts";

/**
 * The collections with the same documents as this one: previous holders of its name, kept for `restoreModel`, and drafts that
 * are filled from it for another model. Usually none.
 */
export async function listCopies(orm: Orm, { tenantId, id }: CollectionKey): Promise<readonly CollectionKey[]> {
  const rows = await orm.selectRows<{ id: string }>(sql`WITH RECURSIVE copies AS (
          SELECT c.id FROM cairn.collections AS c
          WHERE c.tenant_id = ${uuidLiteral(tenantId)} AND c.id <> ${uuidLiteral(id)}
            AND (c.replaced_by = ${uuidLiteral(id)} OR (c.replaced_by = c.id AND c.filled_from = ${uuidLiteral(id)}))
          UNION
          SELECT c.id FROM cairn.collections AS c JOIN copies ON c.replaced_by = copies.id
          WHERE c.tenant_id = ${uuidLiteral(tenantId)} AND c.id <> ${uuidLiteral(id)})
        SELECT id FROM copies ORDER BY id`);
  return rows.map((row) => ({ tenantId, id: row.id }));
}
