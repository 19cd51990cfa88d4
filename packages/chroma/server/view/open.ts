import type { Principal } from "@cairn/api/context.ts";
import type { Database } from "@cairn/core/database/database.ts";
import { openNamespace } from "../../namespace/open.ts";

/** Only programs on this machine can send such requests. */
const UNLIMITED = { requestsPerMinute: 1_000_000_000 };

/**
 * Returns a function that gives the principal of requests without a credential, which a service allows on loopback only: a
 * namespace in which every name can be created, as on a Chroma server without authentication. `createRoutedViews` gives its
 * view. It selects no tenant, so it is not the operator's. Create it once for each process.
 */
export function createOpenPrincipal(database: Database): () => Promise<Principal> {
  let principal: Principal | undefined;
  return async () => {
    if (principal) return principal;
    const { id, name, settings } = await openNamespace(database);
    const namespace = { id, name, settings };
    principal = { tenantId: null, namespace, name: "open", scopes: ["read", "write"], limits: UNLIMITED };
    return principal;
  };
}
