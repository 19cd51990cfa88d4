import type { Database } from "@cairn/core/database/database.ts";
import { ensureNamespace } from "@cairn/core/tenant/namespace.ts";
import { OPEN_NAMESPACE, OPEN_RULES, OPEN_SETTINGS } from "../../namespace/open.ts";
import { createRouteCache } from "./routed/context.ts";
import { createRoutedView, type RoutedViewsOptions } from "./routed.ts";
import type { ChromaView } from "./view.ts";

/**
 * Returns a function that creates the view of requests without a credential, which a service allows on loopback only: every
 * name can be created, as on a Chroma server without authentication. Create it once for each process.
 */
export function createOpenViews({ cacheMs }: RoutedViewsOptions = {}): (database: Database) => Promise<ChromaView> {
  const routes = createRouteCache(cacheMs);
  let namespaceId: string | undefined;
  return async (database) => {
    namespaceId ??= (await ensureNamespace(database, { name: OPEN_NAMESPACE, settings: OPEN_SETTINGS })).id;
    return createRoutedView({ database, namespaceId, rules: OPEN_RULES, scopes: ["read", "write"], routes });
  };
}
