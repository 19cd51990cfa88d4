import type { NamespaceResolver } from "@cairn/api/auth/select-tenant.ts";
import type { Tenant } from "@cairn/core/tenant/tenant.ts";
import { LRUCache } from "lru-cache";
import { findTenant } from "../../namespace/find-tenant.ts";
import { createRulesCache } from "../../namespace/rules.ts";

/** Tenants of namespaces that are cached. */
const MAX_TENANTS = 20_000;

/** Milliseconds for which a tenant's limits and its disabled state are cached at most. */
const MAX_CACHE_MS = 60_000;

/** Milliseconds for which a missing tenant is cached. Short, because it may have just been created. */
const MISSING_CACHE_MS = 2_000;

/** Characters of a tenant's name, and of an id in any notation. */
const MAX_NAME_LENGTH = 512;

export interface NamespaceResolverOptions {
  /** Milliseconds for which a tenant is cached, at most 60,000. */
  readonly cacheMs?: number;
}

/** Resolves the tenants that the keys of namespaces name in the header `Cairn-Tenant`. */
export function createNamespaceResolver({ cacheMs = MAX_CACHE_MS }: NamespaceResolverOptions = {}): NamespaceResolver {
  const rulesOf = createRulesCache();
  const found = new LRUCache<string, { readonly tenant: Tenant | undefined }>({ max: MAX_TENANTS });
  const ttl = Math.max(1, Math.min(cacheMs, MAX_CACHE_MS)); // 0 would be forever
  return {
    async findTenant(database, namespace, nameOrId) {
      if (nameOrId.length > MAX_NAME_LENGTH) return undefined; // no tenant has it, and it must not fill the cache
      const key = JSON.stringify([namespace.id, nameOrId]);
      const cached = found.get(key);
      if (cached) return cached.tenant;
      const existing = await findTenant(database, nameOrId);
      const tenant = existing && rulesOf(namespace).canName(existing) ? existing : undefined;
      found.set(key, { tenant }, { ttl: tenant ? ttl : Math.min(ttl, MISSING_CACHE_MS) });
      return tenant;
    },
  };
}
