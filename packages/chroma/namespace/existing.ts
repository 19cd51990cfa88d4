import type { Database } from "@cairn/core/database/database.ts";
import pLimit from "p-limit";
import type { CollectionRoute } from "../server/view/view.ts";
import { findByLineage } from "./serving.ts";

/** Tenants that are asked at the same time. Each is asked in a transaction of its own, as that tenant. */
const CONCURRENCY = 8;

/** Those of the collections that exist. Each tenant is asked once, for its own collections. */
export async function filterExisting<T extends { readonly route: CollectionRoute }>(
  database: Database,
  collections: readonly T[],
): Promise<readonly T[]> {
  const limit = pLimit(CONCURRENCY);
  const byTenant = Map.groupBy(collections, ({ route }) => route.tenantId);
  const groups = [...byTenant].map(([tenantId, group]) =>
    limit(async () => {
      const lineages = group.map(({ route }) => route.collectionId);
      const existing = await findByLineage(database, tenantId, lineages);
      return group.filter(({ route }) => existing.has(route.collectionId));
    }),
  );
  const existing = new Set((await Promise.all(groups)).flat());
  return collections.filter((collection) => existing.has(collection));
}
