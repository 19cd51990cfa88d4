import { and, eq, sql } from "drizzle-orm";
import type { Database, Orm } from "../database/database.ts";
import { hasSqlState } from "../database/failure.ts";
import type { JsonObject } from "../database/json.ts";
import { selectRows } from "../database/rows.ts";
import { collections } from "../database/schema.ts";
import { asTenant, uuidLiteral } from "../database/transaction.ts";
import { inCollection } from "../document/read.ts";
import { deleteCachedEmbeddings, storedContentHash } from "../embedding/delete-cached.ts";
import { AppError } from "../error.ts";
import type { ChunkSettings } from "./chunking.ts";
import { type Collection, collectionColumns } from "./collection.ts";
import { listCopies } from "./copies.ts";
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
  /** In the place of all that were set before. Holds for documents that are ingested from then on. */
  readonly chunking?: ChunkSettings;
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
      const { id, metric, embeddingModel } = collection;
      if (changes.chunking) validate({ embeddingModel, chunking: changes.chunking });
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

/**
 * Deletes a collection of the tenant's with its documents, its copies (those kept from before a change of model, and those
 * being filled for one), the cached vectors of their texts, and the tombstones that no other collection needs.
 * Throws `not_found`.
 */
export async function deleteCollection(
  database: Database,
  tenantId: string,
  nameOrId: string,
): Promise<void> {
  await asTenant(database, tenantId, async ({ orm }) => {
    const { id } = await requireCollection(orm, tenantId, nameOrId, "update");
    const copies = await listCopies(orm, { tenantId, id });
    const ids = sql`ANY(${sql.param([id, ...copies.map((copy) => copy.id)])}::uuid[])`;
    const tenant = uuidLiteral(tenantId);
    const texts = sql`SELECT ${storedContentHash(sql`content`)} FROM cairn.documents
      WHERE tenant_id = ${tenant} AND collection_id = ${ids} AND content IS NOT NULL`;
    await orm.execute(deleteCachedEmbeddings(tenantId, texts));
    const deleted = await selectRows<{ lineage: string }>(
      orm,
      sql`DELETE FROM cairn.collections WHERE tenant_id = ${tenant} AND id = ${ids}
          RETURNING coalesce(lineage, id) AS lineage`,
    );
    await orm.execute(sql`
      DELETE FROM cairn.tombstones
      WHERE tenant_id = ${tenant} AND lineage = ANY(${sql.param(deleted.map(({ lineage }) => lineage))}::uuid[])
        AND lineage NOT IN (SELECT coalesce(lineage, id) FROM cairn.collections WHERE tenant_id = ${tenant})`);
  });
}
