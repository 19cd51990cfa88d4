import type { Database } from "@cairn/core/database/database.ts";
import { encodeText } from "@cairn/core/database/text.ts";
import { asTenant, uuidLiteral } from "@cairn/core/database/transaction.ts";
import { sql } from "drizzle-orm";
import type { CollectionRoute } from "../view/view.ts";
import type { StoredCollection } from "./stored.ts";

/** A collection with its name for Chroma's clients. */
export interface LoadedCollection {
  readonly route: CollectionRoute;
  readonly stored: StoredCollection;
}

/** The collections of these routes that exist, in no particular order. Each tenant's are read as that tenant. */
export async function loadCollections(
  database: Database,
  routes: readonly CollectionRoute[],
): Promise<readonly LoadedCollection[]> {
  const byTenant = Map.groupBy(routes, ({ tenantId }) => tenantId);
  const loaded: LoadedCollection[] = [];
  for (const [tenantId, own] of byTenant) {
    const stored = await readStored(
      database,
      tenantId,
      own.map(({ collectionId }) => collectionId),
    );
    const byId = new Map(stored.map((collection) => [collection.lineage, collection]));
    for (const route of own) {
      const collection = byId.get(route.collectionId);
      if (collection) loaded.push({ route, stored: collection });
    }
  }
  return loaded;
}

/** The tenant's collection of this name; undefined: there is none. */
export async function findByName(
  database: Database,
  tenantId: string,
  name: string,
): Promise<CollectionRoute | undefined> {
  const [found] = await asTenant(database, tenantId, ({ orm }) =>
    orm.selectRows<{ lineage: string }>(sql`
      SELECT coalesce(lineage, id) AS lineage FROM cairn.collections
      WHERE tenant_id = ${uuidLiteral(tenantId)} AND replaced_by IS NULL AND name = ${encodeText(name)}::text`),
  );
  return found && { name, tenantId, collectionId: found.lineage };
}

/** The collections of a lineage that are in use: not those that were replaced, or are being filled. */
function readStored(
  database: Database,
  tenantId: string,
  lineages: readonly string[],
): Promise<readonly StoredCollection[]> {
  return asTenant(database, tenantId, ({ orm }) =>
    orm.selectRows<StoredCollection>(sql`
      SELECT id, coalesce(lineage, id) AS lineage, name, dimensions, metric, metadata::text AS metadata, attributes::text AS attributes
      FROM cairn.collections
      WHERE tenant_id = ${uuidLiteral(tenantId)} AND replaced_by IS NULL
        AND coalesce(lineage, id) = ANY(${sql.param(lineages)}::uuid[])`),
  );
}
