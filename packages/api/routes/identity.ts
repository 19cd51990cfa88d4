import { getTenant } from "@cairn/core/tenant/tenant.ts";
import { createRoute, z } from "@hono/zod-openapi";
import type { Principal } from "../context.ts";
import { createRouter, jsonResponse, problems, reply, secured } from "../openapi.ts";

const identitySchema = z
  .object({
    kind: z.enum(["tenant", "operator", "namespace"]).describe("Whose key it is."),
    tenant: z
      .object({ id: z.uuid(), name: z.string() })
      .nullable()
      .describe("The tenant that the request acts for. Null: the operator's key acts for none."),
    scopes: z.array(z.enum(["read", "write", "admin"])),
    key: z.string().describe("The id of the key, or the subject of the token."),
  })
  .openapi("Identity");

const get = createRoute({
  method: "get",
  path: "/v1/identity",
  operationId: "getIdentity",
  summary: "Get the identity of the key",
  description: "Returns whose key the request has, the tenant it acts for and what it may do.",
  ...secured("Keys"),
  responses: { 200: jsonResponse(identitySchema, "The identity of the key."), ...problems() },
});

export const identity = createRouter().openapi(get, async (c) => {
  const { services, principal } = c.var;
  const { tenantId, scopes, name } = principal;
  const tenant = tenantId === null ? null : await getTenant(services.database, tenantId);
  return reply(c, {
    kind: kindOf(principal),
    tenant: tenant && { id: tenant.id, name: tenant.name },
    scopes: [...scopes],
    key: name,
  });
});

function kindOf({ tenantId, namespace }: Principal): z.infer<typeof identitySchema>["kind"] {
  if (namespace) return "namespace";
  return tenantId === null ? "operator" : "tenant";
}
