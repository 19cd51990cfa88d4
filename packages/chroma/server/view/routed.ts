import type { Database } from "@cairn/core/database/database.ts";
import type { Namespace } from "@cairn/core/tenant/namespace.ts";
import type { Scope } from "@cairn/core/tenant/scope.ts";
import { createRulesCache } from "../../namespace/rules.ts";
import { collectionMethods } from "./routed/collections.ts";
import { createRouteCache, type RoutedContext } from "./routed/context.ts";
import { databaseMethods } from "./routed/databases.ts";
import type { ChromaView } from "./view.ts";

export interface RoutedViewsOptions {
  /** Milliseconds for which the route of a collection is cached, at most 60,000. */
  readonly cacheMs?: number;
}

/** A request with the key of a namespace. */
export interface NamespaceRequest {
  readonly database: Database;
  readonly namespace: Pick<Namespace, "id" | "settings">;
  readonly scopes: readonly Scope[];
}

/**
 * Returns a function that creates the view of a namespace for one request. Names are looked up in the control plane first;
 * every access to data is then pinned to the tenant that was found there. Create it once for each process: it has the caches.
 */
export function createRoutedViews({ cacheMs }: RoutedViewsOptions = {}): (request: NamespaceRequest) => ChromaView {
  const rulesOf = createRulesCache();
  const routes = createRouteCache(cacheMs);
  return ({ database, namespace, scopes }) =>
    createRoutedView({ database, namespaceId: namespace.id, rules: rulesOf(namespace), scopes, routes });
}

/** The view of a namespace with these rules. */
function createRoutedView(context: RoutedContext): ChromaView {
  return { ...databaseMethods(context), ...collectionMethods(context) };
}
