import { changeTenant, createTenant, deleteTenant, getTenant, listTenants } from "@cairn/core/tenant/tenant.ts";
import { createRoute, z } from "@hono/zod-openapi";
import { requireOperator } from "../auth/require.ts";
import { createRouter, jsonBody, jsonResponse, problems, reply, replyNoContent, secured } from "../openapi.ts";
import { refuseIdempotencyKey, refuseOperatorIdempotencyKey } from "../request/idempotent.ts";
import { idParameter } from "../schema/parameters.ts";
import { fromTenant, newTenantSchema, tenantChangesSchema, tenantSchema, toLimits } from "../schema/service.ts";

const tenantParameter = { params: idParameter("tenant", "The id or name of the tenant.") };
const tenantResponse = jsonResponse(tenantSchema, "The tenant.");
const operatorRoute = secured("Tenants", requireOperator);
const operatorWrite = secured("Tenants", requireOperator, refuseOperatorIdempotencyKey);

const list = createRoute({
  ...operatorRoute,
  method: "get",
  path: "/v1/tenants",
  operationId: "listTenants",
  summary: "List tenants",
  responses: {
    200: jsonResponse(z.object({ tenants: z.array(tenantSchema) }), "All tenants in order of name."),
    ...problems(),
  },
});

const create = createRoute({
  ...secured(
    "Tenants",
    requireOperator,
    refuseIdempotencyKey(
      "A request that creates a tenant cannot have an Idempotency-Key. Choose the id yourself: a repeated request is then answered already_exists.",
    ),
  ),
  method: "post",
  path: "/v1/tenants",
  operationId: "createTenant",
  summary: "Create a tenant",
  request: { body: jsonBody(newTenantSchema) },
  responses: { 201: tenantResponse, ...problems([409], { body: true }) },
});

const get = createRoute({
  ...operatorRoute,
  method: "get",
  path: "/v1/tenants/{tenant}",
  operationId: "getTenant",
  summary: "Get a tenant",
  request: tenantParameter,
  responses: { 200: tenantResponse, ...problems([404]) },
});

const change = createRoute({
  ...operatorWrite,
  method: "patch",
  path: "/v1/tenants/{tenant}",
  operationId: "changeTenant",
  summary: "Change a tenant",
  description: "Renames the tenant, sets its limits, or disables or enables it.",
  request: { ...tenantParameter, body: jsonBody(tenantChangesSchema) },
  responses: { 200: tenantResponse, ...problems([404, 409], { body: true }) },
});

const remove = createRoute({
  ...operatorWrite,
  method: "delete",
  path: "/v1/tenants/{tenant}",
  operationId: "deleteTenant",
  summary: "Delete a tenant and all its data",
  request: tenantParameter,
  responses: { 204: { description: "The tenant is deleted." }, ...problems([404]) },
});

export const tenants = createRouter()
  .openapi(list, async (c) => {
    const all = await listTenants(c.var.services.database);
    return reply(c, { tenants: all.map(fromTenant) });
  })
  .openapi(create, async (c) =>
    reply(c, fromTenant(await createTenant(c.var.services.database, c.req.valid("json"))), 201),
  )
  .openapi(get, async (c) =>
    reply(c, fromTenant(await getTenant(c.var.services.database, c.req.valid("param").tenant))),
  )
  .openapi(change, async (c) => {
    const { limits, ...rest } = c.req.valid("json");
    const changes = { ...rest, limits: limits && toLimits(limits) };
    const { tenant } = c.req.valid("param");
    return reply(c, fromTenant(await changeTenant(c.var.services.database, tenant, changes)));
  })
  .openapi(remove, async (c) => {
    await deleteTenant(c.var.services.database, c.req.valid("param").tenant);
    return replyNoContent(c);
  });
