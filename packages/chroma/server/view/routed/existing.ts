import { asAdmin } from "@cairn/core/database/transaction.ts";
import { adoptMigrated } from "../../../namespace/adopt.ts";
import { insertRoutes, type RoutedCollection, readRoutes } from "../../../namespace/collections.ts";
import { filterExisting } from "../../../namespace/existing.ts";
import { findTenant } from "../../../namespace/find-tenant.ts";
import { deleteByLineage, listServing } from "../../../namespace/serving.ts";
import type { DatabasePath } from "../view.ts";
import { type RoutedContext, requireEnabled } from "./context.ts";

/** The collections of a database, or of the namespace, that exist, with those of disabled tenants. */
export async function readExisting(
  context: RoutedContext,
  path: DatabasePath | undefined,
): Promise<readonly RoutedCollection[]> {
  const { database, namespaceId } = context;
  await adoptMigrated(database, context, { tenant: path?.tenant, database: path?.database });
  if (path) await adoptTenant(context, path);
  const registered = await asAdmin(database, ({ orm }) => readRoutes(orm, namespaceId, path));
  return filterExisting(database, registered);
}

/** Adds the collections of the tenant that the database stands for, if it stands for one. */
async function adoptTenant({ database, namespaceId, rules }: RoutedContext, path: DatabasePath): Promise<void> {
  const tenant = rules.tenantOf && (await findTenant(database, rules.tenantOf(path)));
  if (!tenant) return;
  const collections = (await listServing(database, tenant.id)).map(({ name, lineage: collectionId }) => ({
    path: { tenant: path.tenant, database: path.database, name },
    route: { name, tenantId: tenant.id, collectionId },
  }));
  await asAdmin(database, ({ orm }) => insertRoutes(orm, namespaceId, collections));
}

/** Deletes collections, each as its tenant. Throws `forbidden` before that if a tenant is disabled. */
export async function deleteAll(
  { database, namespaceId, routes }: RoutedContext,
  collections: readonly RoutedCollection[],
): Promise<void> {
  for (const { disabled } of collections) requireEnabled(disabled);
  for (const { route } of collections) {
    await deleteByLineage(database, route.tenantId, route.collectionId);
    routes.delete(namespaceId, route.collectionId);
  }
}
