import type { Scope } from "@cairn/core/tenant/scope.ts";
import type { Context } from "hono";
import { createMiddleware } from "hono/factory";
import type { Env, Principal } from "../context.ts";
import { HttpError } from "../problem/http-error.ts";
import { isOperator, noTenant, ownerOf } from "./principal.ts";

/** Allows credentials of a tenant that have the scope. Throws `forbidden`. */
export function requireScope(scope: Scope) {
  return createMiddleware<Env>(async (c, next) => {
    const { scopes, tenantId } = c.var.principal;
    if (tenantId === null)
      throw isOperator(c.var.principal)
        ? new HttpError(
            "forbidden",
            "An operator's key cannot access a tenant's documents. Use a key of the tenant: POST /v1/tenants/{tenant}/keys creates one.",
          )
        : noTenant();
    if (!scopes.includes(scope)) throw missingScope(scope, scopes);
    await next();
  });
}

/** Allows credentials that have one of the scopes, of a tenant or of the operator. Throws `forbidden`. */
export function requireAnyScope(...scopes: readonly Scope[]) {
  return createMiddleware<Env>(async (c, next) => {
    ownerOf(c.var.principal);
    const granted = c.var.principal.scopes;
    if (!scopes.some((scope) => granted.includes(scope))) throw missingScope(scopes.join(" or "), granted);
    await next();
  });
}

function missingScope(required: string, granted: readonly Scope[]): HttpError {
  return new HttpError("forbidden", `The key lacks the scope ${required}; it has ${granted.join(", ") || "none"}.`);
}

/** Allows the operator only. Throws `forbidden`. */
export const requireOperator = createMiddleware<Env>(async (c, next) => {
  if (!isOperator(c.var.principal))
    throw new HttpError("forbidden", "This route requires an operator's key. The operator of the service creates it.");
  await next();
});

/** The tenant of the credential. Call it behind `requireScope`. */
export function tenantOf(c: Context<Env>): string {
  const { tenantId }: Principal = c.var.principal;
  if (tenantId === null) throw new HttpError("forbidden", "This route requires a tenant's key.");
  return tenantId;
}
