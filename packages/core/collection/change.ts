import { and, eq, sql } from "drizzle-orm";
import type { Database } from "../database/database.ts";
import { hasSqlState } from "../database/failure.ts";
import type { JsonObject } from "../database/json.ts";
import { selectRows } from "../database/rows.ts";
import { collections } from "../database/schema.ts";
import { asTenant, uuidLiteral } from "../database/transaction.ts";
import { AppError } from "../error.ts";
import { type Collection, collectionColumns } from "./collection.ts";
import { validate } from "./create.ts";
import { requireCollection } from "./get.ts";
import { type IndexSettings, validateIndexSettings } from "./index-settings.ts";

export interface CollectionChanges {
  readonly name?: string;
  readonly metadata?: JsonObject;
  /** Names the model of vectors that are there already: for a collection whose model was not known. */
  readonly embeddingModel?: string;
  /** Its keyword index is built anew at the next maintenance. */
  readonly language?: string;
  /** In the place of all that were set before. What an index is made with takes effect at the next maintenance. */
  readonly indexSettings?: IndexSettings;
}

/** Changes a collection of the tenant's. Throws `not_found`, `invalid_input`, or `already_exists` where the new name is taken. */
export async function changeCollection(
  database: Database,
  tenantId: string,
  nameOrId: string,
  changes: CollectionChanges,
): Promise<Collection> {
  validate(changes);
  try {
    return await asTenant(database, tenantId, async ({ orm }) => {
      const { id, metric } = await requireCollection(orm, tenantId, nameOrId);
      if (changes.indexSettings) validateIndexSettings(changes.indexSettings, metric);
      const [changed] = await orm
        .update(collections)
        .set({ ...changes, updatedAt: sql`now()` })
        .where(and(eq(collections.tenantId, tenantId), eq(collections.id, id)))
        .returning(collectionColumns);
      if (!changed) throw new AppError("not_found", `There is no collection ${JSON.stringify(nameOrId)}.`);
      return changed;
    });
  } catch (error) {
    if (hasSqlState(error, "23505"))
      throw new AppError("already_exists", `There is a collection ${JSON.stringify(changes.name)} already.`, {
        cause: error,
      });
    throw error;
  }
}

/** Deletes a collection of the tenant's with its documents, and the tombstones that no other one needs. Throws `not_found`. */
export async function deleteCollection(
  database: Database,
  tenantId: string,
  nameOrId: string,
): Promise<void> {
  await asTenant(database, tenantId, async ({ orm }) => {
    const { id } = await requireCollection(orm, tenantId, nameOrId);
    const [{ lineage = id } = {}] = await selectRows<{ lineage: string }>(
      orm,
      sql`DELETE FROM cairn.collections WHERE tenant_id = ${uuidLiteral(tenantId)} AND id = ${uuidLiteral(id)}
          RETURNING coalesce(lineage, id) AS lineage`,
    );
    await orm.execute(sql`
      DELETE FROM cairn.tombstones WHERE tenant_id = ${uuidLiteral(tenantId)} AND lineage = ${uuidLiteral(lineage)}
        AND NOT EXISTS (SELECT FROM cairn.collections
                        WHERE tenant_id = ${uuidLiteral(tenantId)} AND coalesce(lineage, id) = ${uuidLiteral(lineage)})`);
  });
}
