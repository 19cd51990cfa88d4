import type { Env } from "@cairn/api/context.ts";
import { ADMIN_SETTINGS } from "@cairn/core/database/transaction.ts";
import { sql } from "drizzle-orm";
import { createMiddleware } from "hono/factory";
import { LRUCache } from "lru-cache";
import { ChromaError } from "./error.ts";

/** Milliseconds for which a namespace without tenants in Chroma is not looked up again. */
const CACHE_MS = 1_000;
const MAX_NAMESPACES = 1_000;

/**
 * Refuses the keys of a namespace with tenants that Chroma still decides for, in a process that is no gateway: it would answer from
 * data that is behind, and take writes that Chroma does not get.
 */
export function refuseWithoutGateway() {
  const served = new LRUCache<string, true>({ max: MAX_NAMESPACES, ttl: CACHE_MS });
  return createMiddleware<Env>(async (c, next) => {
    const { namespace } = c.var.principal;
    if (!namespace || served.has(namespace.id)) return next();
    const statement = sql`
      SELECT t.name FROM cairn.cutover_tenants AS c JOIN cairn.tenants AS t ON t.id = c.tenant_id
      WHERE c.namespace_id = ${namespace.id}::uuid AND c.phase IN ('chroma', 'mirror', 'shadow') LIMIT 1`;
    const [rows = []] = await c.var.services.database.read([statement], { settings: ADMIN_SETTINGS });
    const [waiting] = rows as readonly { readonly name: string }[];
    if (waiting)
      throw new ChromaError(
        503,
        "InternalError",
        `This service is not the gateway of the namespace: Chroma still decides for ${JSON.stringify(waiting.name)}. Set the address of the Chroma server, or send the request to the gateway.`,
      );
    served.set(namespace.id, true);
    return next();
  });
}
