import {
  changeTenant,
  createTenant,
  deleteTenant,
  getTenant,
  listTenants,
} from "@cairn/core/tenant/tenant.ts";
import { createRoute, z } from "@hono/zod-openapi";
import { requireOperator } from "../auth/require.ts";
import { BEARER, createRouter, jsonBody, jsonResponse, problems, reply, replyGone } from "../openapi.ts";
import { ofOperator, unrepeatable } from "../request/idempotent.ts";
import { idParameter } from "../schema/parameters.ts";
import {
  fromTenant,
  newTenantSchema,
  tenantChangesSchema,
  tenantSchema,
  toLimits,
} from "../schema/service.ts";

const tags = ["Tenants"];
const named = { params: idParameter("tenant", "The tenant's id or name.") };
const one = jsonResponse(tenantSchema, "The tenant.");
const operator = { tags, security: BEARER, middleware: requireOperator };
const writing = { ...operator, middleware: [requireOperator, ofOperator] };

const list = createRoute({
  ...operator,
  method: "get",
  path: "/v1/tenants",
  operationId: "listTenants",
  summary: "Every tenant, by name",
  responses: {
    200: jsonResponse(z.object({ tenants: z.array(tenantSchema) }), "All of them."),
    ...problems(),
  },
});

const create = createRoute({
  ...operator,
  middleware: [
    requireOperator,
    unrepeatable(
      "A tenant is made without an Idempotency-Key. Give it an id of your own: sent again, the request is answered already_exists.",
    ),
  ],
  method: "post",
  path: "/v1/tenants",
  operationId: "createTenant",
  summary: "Make a tenant",
  request: { body: jsonBody(newTenantSchema) },
  responses: { 201: one, ...problems([409], { body: true }) },
});

const get = createRoute({
  ...operator,
  method: "get",
  path: "/v1/tenants/{tenant}",
  operationId: "getTenant",
  summary: "One tenant",
  request: named,
  responses: { 200: one, ...problems([404]) },
});

const change = createRoute({
  ...writing,
  method: "patch",
  path: "/v1/tenants/{tenant}",
  operationId: "changeTenant",
  summary: "Rename, limit, disable or enable a tenant",
  request: { ...named, body: jsonBody(tenantChangesSchema) },
  responses: { 200: one, ...problems([404, 409], { body: true }) },
});

const remove = createRoute({
  ...writing,
  method: "delete",
  path: "/v1/tenants/{tenant}",
  operationId: "deleteTenant",
  summary: "Delete a tenant with everything it has",
  request: named,
  responses: { 204: { description: "It is gone." }, ...problems([404]) },
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
    return reply(
      c,
      fromTenant(await changeTenant(c.var.services.database, c.req.valid("param").tenant, changes)),
    );
  })
  .openapi(remove, async (c) => {
    await deleteTenant(c.var.services.database, c.req.valid("param").tenant);
    return replyGone(c);
  });
