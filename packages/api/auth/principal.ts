import type { Principal } from "../context.ts";
import { HttpError } from "../problem/http-error.ts";

/** The header by which a namespace's key selects a tenant, by name or id. */
export const TENANT_HEADER = "Cairn-Tenant";

/** Whether the credential is the operator's. A namespace's key without a tenant is not. */
export function isOperator({ tenantId, namespace }: Principal): boolean {
  return tenantId === null && namespace === undefined;
}

/**
 * The owner of jobs and keys: the tenant, or null for the operator. Throws `forbidden` for a namespace's key that has not
 * selected a tenant.
 */
export function ownerOf(principal: Principal): string | null {
  if (principal.tenantId === null && !isOperator(principal)) throw noTenant();
  return principal.tenantId;
}

/**
 * What the limits of a credential are counted for. `share`: the part of a namespace's requests that has limits of its own, so
 * that one of its tenants does not use those of the others.
 */
export function limitedBy({ tenantId, namespace }: Principal, share = ""): string {
  return tenantId ?? (namespace ? `namespace ${namespace.id} ${share}` : "operator");
}

/** The error for a namespace's key that has not selected a tenant. */
export function noTenant(): HttpError {
  return new HttpError(
    "forbidden",
    `The key of a namespace acts for one tenant at a time. Name it in the header ${TENANT_HEADER}.`,
    { path: TENANT_HEADER },
  );
}
