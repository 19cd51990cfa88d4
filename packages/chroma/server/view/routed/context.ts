import { HttpError } from "@cairn/api/problem/http-error.ts";
import type { Database } from "@cairn/core/database/database.ts";
import type { Scope } from "@cairn/core/tenant/scope.ts";
import { LRUCache } from "lru-cache";
import type { RoutedCollection } from "../../../namespace/collections.ts";
import type { NameRules } from "../../../namespace/name-rules.ts";

/** What the view of a namespace works with, for one request. */
export interface RoutedContext {
  readonly database: Database;
  readonly namespaceId: string;
  readonly rules: NameRules;
  readonly scopes: readonly Scope[];
  /** Shared by all requests of the process. */
  readonly routes: RouteCache;
}

/** Caches the routes of collections by namespace and id. A collection never changes its tenant. */
export type RouteCache = ReturnType<typeof createRouteCache>;

/** Routes that are cached. */
const MAX_ROUTES = 50_000;

/** Milliseconds for which a route is cached at most. For that long another process does not see a change of its path. */
const MAX_CACHE_MS = 60_000;

export function createRouteCache(cacheMs = MAX_CACHE_MS) {
  const ttl = Math.max(1, Math.min(cacheMs, MAX_CACHE_MS)); // 0 would be forever
  const routes = new LRUCache<string, RoutedCollection>({ max: MAX_ROUTES, ttl });
  const keyOf = (namespaceId: string, collectionId: string) => `${namespaceId} ${collectionId}`;
  return {
    get: (namespaceId: string, collectionId: string) => routes.get(keyOf(namespaceId, collectionId)),
    set: (namespaceId: string, found: RoutedCollection) =>
      void routes.set(keyOf(namespaceId, found.route.collectionId), found),
    delete: (namespaceId: string, collectionId: string) => void routes.delete(keyOf(namespaceId, collectionId)),
  };
}

/** Throws `forbidden` if the key may not write. */
export function requireWrite({ scopes }: RoutedContext): void {
  if (!scopes.includes("write")) throw new HttpError("forbidden", "The key lacks the scope write.");
}

/** Throws `forbidden` for a collection of a disabled tenant. */
export function requireEnabled(disabled: boolean): void {
  if (disabled) throw new HttpError("forbidden", "The tenant of the collection is disabled.");
}
