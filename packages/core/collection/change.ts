import { sql } from "drizzle-orm";
import type { ChunkSettings, IndexSettings } from "../database/collection-settings.ts";
import type { Database, Orm, Transaction } from "../database/database.ts";
import { hasSqlState } from "../database/failure.ts";
import type { JsonObject } from "../database/json.ts";
import { collections } from "../database/schema.ts";
import { asTenant, uuidLiteral } from "../database/transaction.ts";
import { releaseErased } from "../document/erase.ts";
import { deleteCachedEmbeddings, storedContentHash } from "../embedding/delete-cached.ts";
import { AppError } from "../error.ts";
import { validateIndexSettings } from "../index/settings.ts";
import { captureCollectionChange, REPLICATION_SETTINGS } from "../replication/capture.ts";
import { type Collection, collectionColumns, inCollection, isCollection } from "./collection.ts";
import { listCopies } from "./copies.ts";
import { validate } from "./create.ts";
import { requireCollection } from "./get.ts";

export interface CollectionChanges {
  readonly name?: string;
  readonly metadata?: JsonObject;
  /** Replaces all previous attributes. */
  readonly attributes?: JsonObject;
  /** Names the model of the existing vectors, for a collection whose model was unknown. */
  readonly embeddingModel?: string;
  /** Confirms the model's name for a collection with vectors, where it cannot be checked. Default false. */
  readonly confirmModel?: boolean;
  /** The next maintenance rebuilds the keyword index. */
  readonly language?: string;
  /** Replaces all previous index settings. Build settings take effect at the next maintenance. */
  readonly indexSettings?: IndexSettings;
  /** Replaces all previous chunking settings. Applies to documents that are ingested afterwards. */
  readonly chunking?: ChunkSettings;
  /** Whether replication changes it, which may change a replica. Default false. */
  readonly isReplicating?: boolean;
  /** Runs at the end of the transaction, and may throw to undo the change. */
  readonly beforeCommit?: (transaction: Transaction) => Promise<void>;
}

/**
 * Changes one of the tenant's collections. Throws `not_found`, `already_exists` if the new name is taken, or `invalid_input`,
 * also for naming another model of existing vectors without `confirmModel`.
 */
export async function changeCollection(
  database: Database,
  tenantId: string,
  nameOrId: string,
  { confirmModel = false, isReplicating = false, beforeCommit, ...changes }: CollectionChanges,
): Promise<Collection> {
  validate(changes);
  try {
    return await asTenant(database, tenantId, async (transaction) => {
      const { orm } = transaction;
      if (isReplicating) await transaction.set(REPLICATION_SETTINGS);
      const collection = await requireCollection(orm, tenantId, nameOrId, "key share");
      await captureCollectionChange(transaction, collection);
      const { metric, embeddingModel } = collection;
      if (changes.chunking) validate({ embeddingModel, chunking: changes.chunking });
      if (changes.indexSettings) validateIndexSettings(changes.indexSettings, metric);
      if (changes.embeddingModel !== undefined && !confirmModel)
        await assertNoVectors(orm, collection, changes.embeddingModel);
      const [changed] = await orm
        .update(collections)
        .set({ ...changes, updatedAt: sql`now()` })
        .where(isCollection(collection))
        .returning(collectionColumns);
      if (!changed)
        throw new AppError(
          "not_found",
          `The collection cannot be changed: ${JSON.stringify(nameOrId)} does not exist.`,
        );
      await beforeCommit?.(transaction);
      return changed;
    });
  } catch (error) {
    if (hasSqlState(error, "23505"))
      throw new AppError(
        "already_exists",
        `The collection cannot be renamed: ${JSON.stringify(changes.name)} already exists. Choose another name.`,
        { cause: error },
      );
    throw error;
  }
}

/** Throws `invalid_input` if a collection has vectors and another model would be named as theirs. */
async function assertNoVectors(orm: Orm, collection: Collection, model: string): Promise<void> {
  if (collection.embeddingModel === model) return;
  const vectors = await orm.selectRows(
    sql`SELECT FROM cairn.documents WHERE ${inCollection(collection)} AND embedding IS NOT NULL LIMIT 1`,
  );
  if (vectors.length === 0) return;
  throw new AppError(
    "invalid_input",
    `The model of collection ${JSON.stringify(collection.name)} cannot be set to ${model} without confirmation: the collection has vectors of ${collection.embeddingModel ?? "an unknown model"}, ` +
      `and Cairn cannot check which model computed them. With a wrong model, every search by text is wrong. Confirm the model if it is right.`,
    { path: "confirmModel" },
  );
}

/**
 * Deletes one of the tenant's collections with its documents, its copies (kept from before a change of model, or being filled
 * for one), the cached vectors of their texts, and the tombstones that no other collection needs. Throws `not_found`.
 */
export async function deleteCollection(
  database: Database,
  tenantId: string,
  nameOrId: string,
  { isReplicating = false, beforeCommit }: Pick<CollectionChanges, "isReplicating" | "beforeCommit"> = {},
): Promise<void> {
  await asTenant(database, tenantId, async (transaction) => {
    const { orm } = transaction;
    if (isReplicating) await transaction.set(REPLICATION_SETTINGS);
    const collection = await requireCollection(orm, tenantId, nameOrId, "update");
    await captureCollectionChange(transaction, collection);
    const { id } = collection;
    const copies = await listCopies(orm, { tenantId, id });
    const ids = sql`ANY(${sql.param([id, ...copies.map((copy) => copy.id)])}::uuid[])`;
    const tenant = uuidLiteral(tenantId);
    const texts = sql`SELECT ${storedContentHash(sql`content`)} FROM cairn.documents
      WHERE tenant_id = ${tenant} AND collection_id = ${ids} AND content IS NOT NULL`;
    await orm.execute(deleteCachedEmbeddings(tenantId, texts));
    const { measureCollection } = await import("../usage/measure.ts"); // rarely needed
    const freed = await measureCollection(orm, collection);
    const deleted = await orm.selectRows<{ lineage: string }>(sql`
          DELETE FROM cairn.collections WHERE tenant_id = ${tenant} AND id = ${ids}
          RETURNING coalesce(lineage, id) AS lineage`);
    await orm.execute(sql`
      DELETE FROM cairn.tombstones
      WHERE tenant_id = ${tenant} AND lineage = ANY(${sql.param(deleted.map(({ lineage }) => lineage))}::uuid[])
        AND lineage NOT IN (SELECT coalesce(lineage, id) FROM cairn.collections WHERE tenant_id = ${tenant})`);
    await beforeCommit?.(transaction);
    await releaseErased(orm, tenantId, { freed: freed ?? null });
  });
}
