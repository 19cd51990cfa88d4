import type { Database } from "@cairn/core/database/database.ts";
import { decodeText } from "@cairn/core/database/text.ts";
import { ADMIN_SETTINGS } from "@cairn/core/database/transaction.ts";
import { sql } from "drizzle-orm";
import type { LocatedCollection } from "./locate.ts";

/** Ids that are listed at most. With more, a read cannot be compared. */
const MAX_PENDING_IDS = 2_000;

/**
 * The ids of records that may differ, because a write is in flight or has not reached the replica. `all`: the collection itself is
 * among them, or too many records.
 */
export async function readPendingIds(
  database: Database,
  tenantId: string,
  { cairnId, chromaId }: Pick<LocatedCollection, "cairnId" | "chromaId">,
): Promise<ReadonlySet<string> | "all"> {
  const collections = [cairnId, chromaId].filter((id) => id !== undefined);
  const [rows = []] = await database.read(
    [
      sql`
        SELECT id FROM (
          SELECT unnest(coalesce(ids, '{NULL}')) AS id FROM cairn.changes
          WHERE tenant_id = ${tenantId}::uuid
            AND (collection_id = ANY(${sql.param(collections)}::uuid[]) OR ids IS NULL)
        ) AS pending LIMIT ${MAX_PENDING_IDS + 1}`,
    ],
    { settings: ADMIN_SETTINGS },
  );
  const ids = (rows as readonly { readonly id: string | null }[]).map(({ id }) => id);
  if (ids.length > MAX_PENDING_IDS || ids.includes(null)) return "all";
  return new Set(ids.map((id) => decodeText(id as string)));
}
