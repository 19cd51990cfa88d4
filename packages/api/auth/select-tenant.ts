import type { Database } from "@cairn/core/database/database.ts";
import { withTimeLimit } from "@cairn/core/database/time-limit.ts";
import type { Tenant } from "@cairn/core/tenant/tenant.ts";
import type { MiddlewareHandler } from "hono";
import { createMiddleware } from "hono/factory";
import type { Env, Principal } from "../context.ts";
import { HttpError } from "../problem/http-error.ts";
import { TENANT_HEADER } from "./principal.ts";

type PrincipalNamespace = NonNullable<Principal["namespace"]>;

/** Knows what the settings of a namespace mean. */
export interface NamespaceResolver {
  /**
   * The tenant with this name or id. Undefined if it does not exist, or if no name of the namespace stands for it. May be
   * up to 60 seconds old.
   */
  findTenant(
    database: Database,
    namespace: PrincipalNamespace,
    nameOrId: string,
  ): Promise<Pick<Tenant, "id" | "limits" | "disabledAt"> | undefined>;
}

export interface SelectTenantOptions {
  /** Undefined: no key of a namespace is accepted. */
  readonly namespaces: NamespaceResolver | undefined;
  /** Counts a refused selection, which no tenant's limit counts. */
  readonly limit: MiddlewareHandler<Env>;
}

/**
 * Lets a namespace's key act for the tenant that the header `Cairn-Tenant` names, with the tenant's limits. Throws
 * `invalid_input` if the header is missing, or sent with another kind of key, `not_found` and `forbidden`.
 */
export function selectTenant(database: Database, { namespaces, limit }: SelectTenantOptions) {
  async function select(principal: Principal, name: string | undefined, milliseconds: number): Promise<Principal> {
    const { namespace } = principal;
    if (!namespace || !namespaces) {
      if (name === undefined) return principal;
      throw invalidHeader("Only the key of a namespace can name a tenant. Omit the header: the key names its tenant.");
    }
    if (name === undefined)
      throw invalidHeader(
        `The key belongs to the namespace ${JSON.stringify(namespace.name)}, so the request must name its tenant: ${TENANT_HEADER}: <name or id>.`,
      );
    const tenant = await namespaces.findTenant(withTimeLimit(database, milliseconds), namespace, name);
    if (!tenant)
      throw new HttpError("not_found", `There is no tenant ${JSON.stringify(name)}.`, { path: TENANT_HEADER });
    if (tenant.disabledAt) throw new HttpError("forbidden", `The tenant ${JSON.stringify(name)} is disabled.`);
    return { ...principal, tenantId: tenant.id, limits: tenant.limits };
  }
  return createMiddleware<Env>(async (c, next) => {
    const { principal, timer } = c.var;
    try {
      c.set("principal", await select(principal, c.req.header(TENANT_HEADER), timer.remainingMs()));
    } catch (error) {
      if (error instanceof HttpError) await limit(c, async () => {});
      throw error;
    }
    await next();
  });
}

function invalidHeader(detail: string): HttpError {
  return new HttpError("invalid_input", detail, { path: TENANT_HEADER });
}
