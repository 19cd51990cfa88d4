import { deleteCollection } from "@cairn/core/collection/change.ts";
import { listCollections } from "@cairn/core/collection/get.ts";
import type { Database } from "@cairn/core/database/database.ts";

/** Deletes all collections of a tenant. */
export async function resetTenant(database: Database, tenantId: string): Promise<void> {
  for (const { id, replacedBy } of await listCollections(database, tenantId))
    if (replacedBy === null) await deleteCollection(database, tenantId, id);
}
