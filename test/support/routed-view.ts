import { addNamespace } from "@cairn/chroma/namespace/manage.ts";
import type { SettingsInput } from "@cairn/chroma/namespace/settings.ts";
import { createRoutedViews } from "@cairn/chroma/server/view/routed.ts";
import type { ChromaView, CollectionRoute } from "@cairn/chroma/server/view/view.ts";
import { createCollection } from "@cairn/core/collection/create.ts";
import type { Database } from "@cairn/core/database/database.ts";
import type { Scope } from "@cairn/core/tenant/scope.ts";

type Path = Parameters<ChromaView["findCollection"]>[0];

/** A path in Chroma, by default in the default database. */
export const at = (name: string, database = "default_database", tenant = "default_tenant"): Path => ({
  tenant,
  database,
  name,
});

/** Creates a namespace. `view` gives the view of a key with these scopes; `fresh` the view in another process. */
export async function createTestNamespace(database: Database, settings: SettingsInput) {
  const namespace = await addNamespace(database, { name: `namespace ${crypto.randomUUID()}`, settings });
  const views = createRoutedViews();
  const scopes: readonly Scope[] = ["read", "write"];
  return {
    ...namespace,
    view: views({ database, namespace, scopes }),
    reader: views({ database, namespace, scopes: ["read"] }),
    fresh: (other = database) => createRoutedViews()({ database: other, namespace, scopes }),
  };
}

/** Creates a collection through a view, as the routes do. */
export async function createThrough(database: Database, view: ChromaView, path: Path): Promise<CollectionRoute> {
  const target = await view.placeCollection(path);
  if (!target) throw new Error(`There is no database ${path.tenant}/${path.database}.`);
  const { id } = await createCollection(database, target.tenantId, { name: target.name, embeddingModel: null });
  const route = { name: path.name, tenantId: target.tenantId, collectionId: id };
  await view.register(path, route);
  return route;
}

/** The names of the collections in a database. */
export async function namesIn(view: ChromaView, database = "default_database", tenant = "default_tenant") {
  const routes = await view.listCollections({ tenant, database });
  return routes?.map(({ name }) => name).sort();
}
