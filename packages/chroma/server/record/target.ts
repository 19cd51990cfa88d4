import type { Collection } from "@cairn/core/collection/collection.ts";
import type { Database } from "@cairn/core/database/database.ts";
import { asTenant, uuidLiteral } from "@cairn/core/database/transaction.ts";
import { AppError } from "@cairn/core/error.ts";
import { cachedTarget, forgetTarget } from "@cairn/core/search/read-target.ts";
import { sql } from "drizzle-orm";
import { notFound } from "../error.ts";
import type { CollectionRoute } from "../view/view.ts";

export function collectionNotFound(collectionId: string) {
  return notFound(`Collection [${collectionId}] does not exist.`);
}

/**
 * The id of the collection that a route leads to. It differs from Chroma's id after a change of the model. Usually from a
 * cache, without a round trip. Throws a 404.
 */
export async function servingId(database: Database, { tenantId, collectionId }: CollectionRoute): Promise<string> {
  const { collection } = await asNotFound(collectionId, () => cachedTarget(database, tenantId, collectionId));
  if (collection.replacedBy === null) return collectionId;
  const [serving] = await asTenant(database, tenantId, ({ orm }) =>
    orm.selectRows<{ id: string }>(sql`
      SELECT id FROM cairn.collections
      WHERE tenant_id = ${uuidLiteral(tenantId)} AND lineage = ${collectionId}::uuid AND replaced_by IS NULL`),
  );
  if (!serving) throw collectionNotFound(collectionId);
  return serving.id;
}

/**
 * Runs `work`, which writes, with the collection of a route as it is cached. If the collection has changed since, it is read
 * and `work` runs again. Throws a 404.
 */
export async function withCollection<T>(
  database: Database,
  route: CollectionRoute,
  work: (collection: Collection) => Promise<T>,
): Promise<T> {
  const { tenantId, collectionId } = route;
  for (let attempt = 0; ; attempt++) {
    const id = await servingId(database, route);
    const { collection } = await asNotFound(collectionId, () => cachedTarget(database, tenantId, id));
    try {
      const result = await work(collection);
      if (collection.dimensions === null) forgetTarget(database, tenantId, id); // its dimensions are set now
      return result;
    } catch (error) {
      forgetTarget(database, tenantId, id);
      forgetTarget(database, tenantId, collectionId);
      const isOutdated = error instanceof AppError && ["collection_changed", "dimension_mismatch"].includes(error.code);
      if (!isOutdated || attempt > 0) throw error;
    }
  }
}

/** Runs `work`, and throws Chroma's 404 if the collection does not exist. */
export async function asNotFound<T>(collectionId: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof AppError && error.code === "not_found") throw collectionNotFound(collectionId);
    throw error;
  }
}
