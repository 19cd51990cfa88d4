import { and, asc, eq, gt, inArray, or, sql } from "drizzle-orm";
import type { Database, Orm } from "../database/database.ts";
import { collections } from "../database/schema.ts";
import { encodeText } from "../database/text.ts";
import { asTenant } from "../database/transaction.ts";
import { MAX_RESPONSE_BYTES } from "../document/response-size.ts";
import { AppError } from "../error.ts";
import { type Collection, collectionColumns, DEFAULT_COLLECTION } from "./collection.ts";

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The tenant's collection of this name or id (default `knowledge`). Throws `not_found`, also for another tenant's collection. */
export function getCollection(
  database: Database,
  tenantId: string,
  nameOrId = DEFAULT_COLLECTION,
): Promise<Collection> {
  return asTenant(database, tenantId, ({ orm }) => requireCollection(orm, tenantId, nameOrId));
}

/** The tenant's collections, by name. */
export function listCollections(database: Database, tenantId: string): Promise<readonly Collection[]> {
  return asTenant(database, tenantId, ({ orm }) =>
    orm
      .select(collectionColumns)
      .from(collections)
      .where(eq(collections.tenantId, tenantId))
      .orderBy(asc(collections.name)),
  );
}

export interface CollectionPageOptions {
  /** Maximum collections. Default 1,000. */
  readonly limit?: number;
  /** `next` of the previous page: the name of its last collection. */
  readonly after?: string;
  /** Maximum bytes of metadata and names. A page has at least one collection. Default `MAX_RESPONSE_BYTES`. */
  readonly maxBytes?: number;
}

export interface CollectionPage {
  readonly collections: readonly Collection[];
  /** Value of `after` for the next page. Null on the last page. */
  readonly next: string | null;
}

/** A page of the tenant's collections, by name. It ends early if the next collection would exceed `maxBytes`. */
export function listCollectionPage(
  database: Database,
  tenantId: string,
  { limit = 1_000, after, maxBytes = MAX_RESPONSE_BYTES }: CollectionPageOptions = {},
): Promise<CollectionPage> {
  const own = eq(collections.tenantId, tenantId);
  return asTenant(database, tenantId, async ({ orm }) => {
    const found = await orm
      .select({
        id: collections.id,
        name: collections.name,
        size: sql<number>`(octet_length(${collections.metadata}::text) + octet_length(${collections.name}))::float8`,
      })
      .from(collections)
      .where(and(own, after === undefined ? undefined : gt(collections.name, encodeText(after))))
      .orderBy(asc(collections.name))
      .limit(limit + 1);
    let bytes = 0;
    const fitting = found.slice(0, limit).filter(({ size }, index) => {
      bytes += size;
      return index === 0 || bytes <= maxBytes;
    });
    const page = await orm
      .select(collectionColumns)
      .from(collections)
      .where(
        and(
          own,
          inArray(
            collections.id,
            fitting.map(({ id }) => id),
          ),
        ),
      )
      .orderBy(asc(collections.name));
    return { collections: page, next: fitting.length < found.length ? (fitting.at(-1)?.name ?? null) : null };
  });
}

/**
 * `requireCollection` for a transaction that changes documents. Until it ends, no other collection can take this one's name.
 * If the name moved to another collection while the lock was awaited, it is looked up a second time. Any other error, such as
 * a lock timeout, has ended the transaction and is thrown.
 */
export async function lockCollection(orm: Orm, tenantId: string, nameOrId?: string): Promise<Collection> {
  try {
    return await requireCollection(orm, tenantId, nameOrId, "key share");
  } catch (error) {
    if (!(error instanceof AppError && error.code === "not_found")) throw error;
    return requireCollection(orm, tenantId, nameOrId, "key share");
  }
}

/** `getCollection` inside an open transaction of the tenant. */
export async function requireCollection(
  orm: Orm,
  tenantId: string,
  nameOrId = DEFAULT_COLLECTION,
  lock?: "key share" | "update",
): Promise<Collection> {
  const byName = eq(collections.name, encodeText(nameOrId)); // a name that cannot exist is not found instead of an error
  const found = orm
    .select(collectionColumns)
    .from(collections)
    .where(
      and(eq(collections.tenantId, tenantId), UUID.test(nameOrId) ? or(byName, eq(collections.id, nameOrId)) : byName),
    )
    // An id takes precedence over a collection of that name.
    .orderBy(sql`${collections.id}::text = ${encodeText(nameOrId)} DESC`)
    .limit(1);
  const [collection] = await (lock ? found.for(lock) : found);
  if (!collection)
    throw new AppError("not_found", `Collection ${JSON.stringify(nameOrId)} does not exist.`, {
      remedy: "list_collections",
    });
  return collection;
}
