import type { Scope } from "@cairn/core/tenant/api-key.ts";
import type { Context } from "hono";
import { createMiddleware } from "hono/factory";
import type { Env, Principal } from "../context.ts";
import { HttpError } from "../problem/http-error.ts";

/** Lets pass who speaks for a tenant and has the scope. */
export function requireScope(scope: Scope) {
  return createMiddleware<Env>(async (c, next) => {
    const { scopes, tenantId } = c.var.principal;
    if (tenantId === null)
      throw new HttpError(
        "forbidden",
        "An operator's key sees no tenant's knowledge. Use a key of the tenant: POST /v1/tenants/{tenant}/keys makes one.",
      );
    if (!scopes.includes(scope))
      throw new HttpError(
        "forbidden",
        `The key lacks the scope ${scope}; it has ${scopes.join(", ") || "none"}.`,
      );
    await next();
  });
}

/** Lets pass who has one of the scopes, a tenant's or the operator: each sees its own. */
export function requireEither(...scopes: readonly Scope[]) {
  return createMiddleware<Env>(async (c, next) => {
    const own = c.var.principal.scopes;
    if (!scopes.some((scope) => own.includes(scope)))
      throw new HttpError(
        "forbidden",
        `The key lacks the scope ${scopes.join(" or ")}; it has ${own.join(", ") || "none"}.`,
      );
    await next();
  });
}

/** Lets the operator pass. */
export const requireOperator = createMiddleware<Env>(async (c, next) => {
  if (c.var.principal.tenantId !== null)
    throw new HttpError(
      "forbidden",
      "This takes an operator's key, which the operator of the service creates.",
    );
  await next();
});

/** The tenant of the credential; behind `requireScope`. */
export function tenantOf(c: Context<Env>): string {
  const { tenantId }: Principal = c.var.principal;
  if (tenantId === null) throw new HttpError("forbidden", "This takes a tenant's key.");
  return tenantId;
}
