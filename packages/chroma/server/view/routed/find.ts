import { asAdmin } from "@cairn/core/database/transaction.ts";
import { parseUuid } from "@cairn/core/tenant/uuid.ts";
import { insertRoutes, readRoute, readRouteById } from "../../../namespace/collections.ts";
import { findTenant } from "../../../namespace/find-tenant.ts";
import { findByName } from "../../../namespace/serving.ts";
import type { ChromaPath } from "../../../protocol/path.ts";
import type { CollectionRoute, DatabasePath } from "../view.ts";
import { type RoutedContext, requireEnabled } from "./context.ts";
import { findChromaDatabase, findRegistered, readOrAdopt } from "./lookup.ts";

/** The collection with this path: in the routing table, copied by a migration, or what the name stands for by the rules. */
export async function findCollection(context: RoutedContext, path: ChromaPath): Promise<CollectionRoute | undefined> {
  const { tenant, database, name } = path;
  const known = await findRegistered(context, path);
  if (!known && !(await findChromaDatabase(context, path))) return undefined;
  const found = known ?? (await readOrAdopt(context, { tenant, database, name }, () => findRegistered(context, path)));
  if (!found) return findResolved(context, path);
  requireEnabled(found.disabled);
  return found.route;
}

/** The collection that the name stands for by the rules. It is added to the routing table, unless another name stands for it. */
async function findResolved(context: RoutedContext, path: ChromaPath): Promise<CollectionRoute | undefined> {
  const { database, namespaceId, rules } = context;
  const target = rules.find(path);
  const tenant = target && (await findTenant(database, target.tenant));
  const found = tenant && (await findByName(database, tenant.id, target.collection));
  if (!found) return undefined;
  requireEnabled(tenant.disabledAt !== null);
  const route = { name: path.name, tenantId: tenant.id, collectionId: found.lineage };
  return asAdmin(database, async ({ orm }) => {
    await insertRoutes(orm, namespaceId, [{ path, route }]);
    const registered = await readRoute(orm, namespaceId, path);
    return registered?.route.collectionId === route.collectionId ? registered.route : undefined;
  });
}

/** The collection with this id, if it is in the database. */
export async function findCollectionById(
  context: RoutedContext,
  { tenant, database: databaseName }: DatabasePath,
  collectionId: string,
): Promise<CollectionRoute | undefined> {
  const { database, namespaceId, routes } = context;
  const id = parseUuid(collectionId);
  if (id === undefined) return undefined;
  const read = () => asAdmin(database, ({ orm }) => readRouteById(orm, namespaceId, id));
  const found =
    routes.get(namespaceId, id) ??
    (await readOrAdopt(context, { tenant, database: databaseName, collectionId: id }, read));
  if (found) routes.set(namespaceId, found);
  if (found?.path.tenant !== tenant || found.path.database !== databaseName) return undefined;
  requireEnabled(found.disabled);
  return found.route;
}
