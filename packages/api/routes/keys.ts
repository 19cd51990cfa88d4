import { getTenant } from "@cairn/core/tenant/tenant.ts";
import { createRoute, z } from "@hono/zod-openapi";
import { ownerOf } from "../auth/principal.ts";
import { requireAnyScope, requireOperator } from "../auth/require.ts";
import { createRouter, jsonBody, jsonResponse, problems, reply, secured } from "../openapi.ts";
import { idempotent, refuseIdempotencyKey, refuseOperatorIdempotencyKey } from "../request/idempotent.ts";
import { idempotencyHeader, idParameter } from "../schema/parameters.ts";
import { createdKeySchema, fromKey, fromNewKey, keySchema, newKeySchema, toKeyOptions } from "../schema/service.ts";

const refuseIdempotency = refuseIdempotencyKey(
  "A request that creates a key cannot have an Idempotency-Key: its response holds a secret, which is not stored. " +
    "If the response was lost, revoke the key and create another.",
);
const secretRoute = secured("Keys", requireAnyScope("admin"), refuseIdempotency);
const key = idParameter("key", "The id of the key.");
const keyList = z.object({ keys: z.array(keySchema) });
const listResponse = jsonResponse(keyList, "All keys without their secrets, oldest first.");
const createdResponse = jsonResponse(createdKeySchema, "The key with its secret, which is shown only once.");
const graceSeconds = z.int().min(0).max(2_592_000).optional();
const rotation = z
  .strictObject({
    grace_seconds: graceSeconds.describe("Seconds for which the old key remains valid. Default 3,600."),
  })
  .openapi("Rotation", { example: { grace_seconds: 3600 } });

const list = createRoute({
  method: "get",
  path: "/v1/keys",
  operationId: "listKeys",
  summary: "List keys",
  description: "Returns the keys of the tenant, or of the operator for an operator's key.",
  ...secured("Keys", requireAnyScope("admin")),
  responses: { 200: listResponse, ...problems() },
});

const create = createRoute({
  method: "post",
  path: "/v1/keys",
  operationId: "createKey",
  summary: "Create a key",
  ...secretRoute,
  request: { body: jsonBody(newKeySchema) },
  responses: { 201: createdResponse, ...problems([404], { body: true }) },
});

const rotate = createRoute({
  method: "post",
  path: "/v1/keys/{key}/rotate",
  operationId: "rotateKey",
  summary: "Rotate a key",
  description:
    "Creates a replacement with the same name, scopes and expiry. The old key remains valid for `grace_seconds`.",
  ...secretRoute,
  request: { params: key, body: jsonBody(rotation) },
  responses: { 201: createdResponse, ...problems([404], { body: true }) },
});

const revoke = createRoute({
  method: "delete",
  path: "/v1/keys/{key}",
  operationId: "revokeKey",
  summary: "Revoke a key",
  description: "The key is refused within a minute.",
  ...secured("Keys", requireAnyScope("admin"), idempotent),
  request: { params: key, headers: idempotencyHeader },
  responses: { 200: jsonResponse(keySchema, "The key, revoked."), ...problems([404, 409, 422]) },
});

const tenantParameter = idParameter("tenant", "The id or name of the tenant.");

const listOfTenant = createRoute({
  method: "get",
  path: "/v1/tenants/{tenant}/keys",
  operationId: "listTenantKeys",
  summary: "List the keys of a tenant",
  ...secured("Keys", requireOperator),
  request: { params: tenantParameter },
  responses: { 200: listResponse, ...problems([404]) },
});

const createForTenant = createRoute({
  method: "post",
  path: "/v1/tenants/{tenant}/keys",
  operationId: "createTenantKey",
  summary: "Create a key for a tenant",
  ...secured("Keys", requireOperator, refuseIdempotency),
  request: { params: tenantParameter, body: jsonBody(newKeySchema) },
  responses: { 201: createdResponse, ...problems([404], { body: true }) },
});

const revokeOfTenant = createRoute({
  method: "delete",
  path: "/v1/tenants/{tenant}/keys/{key}",
  operationId: "revokeTenantKey",
  summary: "Revoke a key of a tenant",
  ...secured("Keys", requireOperator, refuseOperatorIdempotencyKey),
  request: { params: tenantParameter.extend(key.shape) },
  responses: { 200: jsonResponse(keySchema, "The key, revoked."), ...problems([404]) },
});

/** Keys are rarely managed, so a function does not load this at its start. */
const apiKeys = () => import("@cairn/core/tenant/api-key.ts");

export const keys = createRouter()
  .openapi(list, async (c) => {
    const found = await (await apiKeys()).listApiKeys(c.var.services.database, ownerOf(c.var.principal));
    return reply(c, { keys: found.map(fromKey) });
  })
  .openapi(create, async (c) => {
    const { services, principal } = c.var;
    const options = toKeyOptions(c.req.valid("json"));
    return reply(
      c,
      fromNewKey(await (await apiKeys()).createApiKey(services.database, ownerOf(principal), options)),
      201,
    );
  })
  .openapi(rotate, async (c) => {
    const { grace_seconds: grace } = c.req.valid("json");
    const { services, principal } = c.var;
    const { key: id } = c.req.valid("param");
    const rotated = await (await apiKeys()).rotateApiKey(services.database, ownerOf(principal), id, { grace });
    return reply(c, fromNewKey(rotated), 201);
  })
  .openapi(revoke, async (c) => {
    const owner = ownerOf(c.var.principal);
    return reply(
      c,
      fromKey(await (await apiKeys()).revokeApiKey(c.var.services.database, owner, c.req.valid("param").key)),
    );
  })
  .openapi(listOfTenant, async (c) => {
    const { database } = c.var.services;
    const { id } = await getTenant(database, c.req.valid("param").tenant);
    return reply(c, { keys: (await (await apiKeys()).listApiKeys(database, id)).map(fromKey) });
  })
  .openapi(createForTenant, async (c) => {
    const { database } = c.var.services;
    const { id } = await getTenant(database, c.req.valid("param").tenant);
    return reply(
      c,
      fromNewKey(await (await apiKeys()).createApiKey(database, id, toKeyOptions(c.req.valid("json")))),
      201,
    );
  })
  .openapi(revokeOfTenant, async (c) => {
    const { database } = c.var.services;
    const params = c.req.valid("param");
    const { id } = await getTenant(database, params.tenant);
    return reply(c, fromKey(await (await apiKeys()).revokeApiKey(database, id, params.key)));
  });
