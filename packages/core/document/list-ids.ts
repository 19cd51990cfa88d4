import { sql } from "drizzle-orm";
import { inCollection } from "../collection/collection.ts";
import { requireCollection } from "../collection/get.ts";
import type { Database } from "../database/database.ts";
import { encodeText } from "../database/text.ts";
import { asTenant } from "../database/transaction.ts";
import { restoreId } from "./id.ts";

/** The ids of all documents whose id starts with `prefix`, in no particular order. Throws `not_found`. */
export function listIds(
  database: Database,
  tenantId: string,
  { collection: name, prefix }: { readonly collection?: string; readonly prefix: string },
): Promise<readonly string[]> {
  return asTenant(database, tenantId, async ({ orm }) => {
    const collection = await requireCollection(orm, tenantId, name);
    const rows = await orm.selectRows<{ id: string; long_id: string | null }>(sql`
      SELECT id, long_id FROM cairn.documents
      WHERE ${inCollection(collection)} AND chunk = 0 AND starts_with(coalesce(long_id, id), ${encodeText(prefix)}::text)`);
    return rows.map(({ id, long_id }) => restoreId(id, long_id));
  });
}
