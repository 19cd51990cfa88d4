import { asAdmin } from "@cairn/core/database/transaction.ts";
import { adoptMigrated } from "../../../namespace/adopt.ts";
import { type RoutedCollection, readRoute, removeRoutes } from "../../../namespace/collections.ts";
import { readDatabase, readTenant } from "../../../namespace/databases.ts";
import { filterExisting } from "../../../namespace/existing.ts";
import type { ChromaPath } from "../../../protocol/path.ts";
import type { ChromaDatabase, ChromaTenant, DatabasePath } from "../view.ts";
import type { RoutedContext } from "./context.ts";

/** The tenant, created by a client or by the migration of a collection in it. */
export function findChromaTenant(context: RoutedContext, name: string): Promise<ChromaTenant | undefined> {
  const { database, namespaceId } = context;
  const read = () => asAdmin(database, ({ orm }) => readTenant(orm, namespaceId, name));
  return readOrAdopt(context, { tenant: name }, read);
}

/** The database, created by a client or by the migration of a collection in it. */
export function findChromaDatabase(context: RoutedContext, path: DatabasePath): Promise<ChromaDatabase | undefined> {
  const { database, namespaceId } = context;
  const read = () => asAdmin(database, ({ orm }) => readDatabase(orm, namespaceId, path));
  return readOrAdopt(context, { tenant: path.tenant, database: path.database }, read);
}

/** The collection with this path in the routing table, if it exists. The record of one that does not exist is removed. */
export async function findRegistered(
  { database, namespaceId, routes }: RoutedContext,
  path: ChromaPath,
): Promise<RoutedCollection | undefined> {
  const found = await asAdmin(database, ({ orm }) => readRoute(orm, namespaceId, path));
  if (!found || (await filterExisting(database, [found])).length > 0) return found;
  const { collectionId } = found.route;
  await asAdmin(database, ({ orm }) => removeRoutes(orm, namespaceId, [collectionId]));
  routes.delete(namespaceId, collectionId);
  return undefined;
}

/** What `read` finds, at once or after the collections of a migration were added. */
export async function readOrAdopt<T>(
  context: RoutedContext,
  scope: Parameters<typeof adoptMigrated>[2],
  read: () => Promise<T | undefined>,
): Promise<T | undefined> {
  const found = await read();
  if (found !== undefined) return found;
  await adoptMigrated(context.database, context, scope);
  return read();
}
