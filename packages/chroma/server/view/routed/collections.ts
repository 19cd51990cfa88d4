import { asAdmin } from "@cairn/core/database/transaction.ts";
import { removeRoutes, saveRoute } from "../../../namespace/collections.ts";
import { removeNames } from "../../../namespace/databases.ts";
import type { ChromaView } from "../view.ts";
import { type RoutedContext, requireWrite } from "./context.ts";
import { deleteAll, readExisting } from "./existing.ts";
import { findCollection, findCollectionById } from "./find.ts";
import { findChromaDatabase } from "./lookup.ts";
import { assertFree, placeCollection, renamedTo } from "./place.ts";

type CollectionMethods = Pick<
  ChromaView,
  | "listCollections"
  | "findCollection"
  | "findCollectionById"
  | "placeCollection"
  | "renamedTo"
  | "register"
  | "unregister"
  | "reset"
>;

/** The collections of a namespace: rows of the control plane, which name the tenant of each collection. */
export function collectionMethods(context: RoutedContext): CollectionMethods {
  const { database, namespaceId, routes } = context;
  return {
    async listCollections(path) {
      if (!(await findChromaDatabase(context, path))) return undefined;
      const existing = await readExisting(context, path);
      return existing.filter(({ disabled }) => !disabled).map(({ route }) => route);
    },
    findCollection: (path) => findCollection(context, path),
    findCollectionById: (path, collectionId) => findCollectionById(context, path, collectionId),
    placeCollection: (path) => placeCollection(context, path),
    renamedTo: (route, path) => renamedTo(context, route, path),
    async register({ tenant, database: name }, route) {
      requireWrite(context);
      const path = { tenant, database: name, name: route.name };
      await assertFree(context, path, route.collectionId);
      await asAdmin(database, ({ orm }) => saveRoute(orm, namespaceId, path, route));
      routes.delete(namespaceId, route.collectionId);
    },
    async unregister(_path, { collectionId }) {
      requireWrite(context);
      await asAdmin(database, ({ orm }) => removeRoutes(orm, namespaceId, [collectionId]));
      routes.delete(namespaceId, collectionId);
    },
    async reset() {
      requireWrite(context);
      await deleteAll(context, await readExisting(context, undefined));
      await asAdmin(database, ({ orm }) => removeNames(orm, namespaceId));
    },
  };
}
