import { and, eq, sql } from "drizzle-orm";
import type { Database, Orm } from "../database/database.ts";
import { hasSqlState } from "../database/failure.ts";
import type { JsonObject } from "../database/json.ts";
import { selectRows } from "../database/rows.ts";
import { collections } from "../database/schema.ts";
import { asTenant, uuidLiteral } from "../database/transaction.ts";
import { inCollection } from "../document/read.ts";
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
  /** That the name of the model is right although the collection has vectors, which nobody can check. Default false. */
  readonly confirmModel?: boolean;
  /** Its keyword index is built anew at the next maintenance. */
  readonly language?: string;
  /** In the place of all that were set before. What an index is made with takes effect at the next maintenance. */
  readonly indexSettings?: IndexSettings;
}

/**
 * Changes a collection of the tenant's. Throws `not_found`, `already_exists` where the new name is taken, or
 * `invalid_input`, also for another model of vectors that are there without `confirmModel`.
 */
export async function changeCollection(
  database: Database,
  tenantId: string,
  nameOrId: string,
  { confirmModel = false, ...changes }: CollectionChanges,
): Promise<Collection> {
  validate(changes);
  try {
    return await asTenant(database, tenantId, async ({ orm }) => {
      const collection = await requireCollection(orm, tenantId, nameOrId);
      const { id, metric } = collection;
      if (changes.indexSettings) validateIndexSettings(changes.indexSettings, metric);
      if (changes.embeddingModel !== undefined && !confirmModel)
        await assertNoVectors(orm, collection, changes.embeddingModel);
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

/** Throws `invalid_input` where a collection has vectors and another model is to be named as theirs. */
async function assertNoVectors(orm: Orm, collection: Collection, model: string): Promise<void> {
  if (collection.embeddingModel === model) return;
  const found = await selectRows(
    orm,
    sql`SELECT FROM cairn.documents WHERE ${inCollection(collection)} AND embedding IS NOT NULL LIMIT 1`,
  );
  if (found.length === 0) return;
  throw new AppError(
    "invalid_input",
    `The collection ${JSON.stringify(collection.name)} has vectors, of ${collection.embeddingModel ?? "an unknown model"} so far. ` +
      `Whether ${model} made them cannot be checked, and with a wrong name every search by text is wrong. Confirm that the name is right.`,
    { path: "confirmModel" },
  );
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
