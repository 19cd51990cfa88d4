import { createApiKey, listApiKeys, revokeApiKey, rotateApiKey } from "@cairn/core/tenant/api-key.ts";
import { getTenant } from "@cairn/core/tenant/tenant.ts";
import { createRoute, z } from "@hono/zod-openapi";
import { requireEither, requireOperator } from "../auth/require.ts";
import { BEARER, createRouter, jsonBody, jsonResponse, problems, reply } from "../openapi.ts";
import { idempotent, ofOperator, unrepeatable } from "../request/idempotent.ts";
import { idempotencyHeader, idParameter } from "../schema/parameters.ts";
import { fromKey, fromNewKey, keySchema, madeKeySchema, newKeySchema } from "../schema/service.ts";

const tags = ["Keys"];
const secret = unrepeatable(
  "A key is made without an Idempotency-Key: its answer holds a secret, which is kept nowhere and cannot be given again. " +
    "Where the answer was lost, revoke the key and make another.",
);
const key = idParameter("key", "The key's id.");
const all = jsonResponse(
  z.object({ keys: z.array(keySchema) }),
  "All of them, oldest first; no secret among them.",
);
const made = jsonResponse(madeKeySchema, "The key with its secret, which is shown this once.");
const rotation = z
  .strictObject({
    grace_seconds: z
      .int()
      .min(0)
      .max(2_592_000)
      .optional()
      .describe("How long the old one works yet. Default 3,600."),
  })
  .openapi("Rotation", { example: { grace_seconds: 3600 } });

const list = createRoute({
  method: "get",
  path: "/v1/keys",
  operationId: "listKeys",
  summary: "The keys of the credential's tenant, or the operator's",
  tags,
  security: BEARER,
  middleware: requireEither("admin"),
  responses: { 200: all, ...problems() },
});

const create = createRoute({
  method: "post",
  path: "/v1/keys",
  operationId: "createKey",
  summary: "Make a key",
  tags,
  security: BEARER,
  middleware: [requireEither("admin"), secret],
  request: { body: jsonBody(newKeySchema) },
  responses: { 201: made, ...problems([404], { body: true }) },
});

const rotate = createRoute({
  method: "post",
  path: "/v1/keys/{key}/rotate",
  operationId: "rotateKey",
  summary: "Make a key in the place of another, which works for a while yet",
  tags,
  security: BEARER,
  middleware: [requireEither("admin"), secret],
  request: { params: key, body: jsonBody(rotation) },
  responses: { 201: made, ...problems([404], { body: true }) },
});

const revoke = createRoute({
  method: "delete",
  path: "/v1/keys/{key}",
  operationId: "revokeKey",
  summary: "Revoke a key: it is refused within a minute",
  tags,
  security: BEARER,
  middleware: [requireEither("admin"), idempotent],
  request: { params: key, headers: idempotencyHeader },
  responses: { 200: jsonResponse(keySchema, "The key, revoked."), ...problems([404, 409, 422]) },
});

const ofTenant = idParameter("tenant", "The tenant's id or name.");

const listOfTenant = createRoute({
  method: "get",
  path: "/v1/tenants/{tenant}/keys",
  operationId: "listTenantKeys",
  summary: "A tenant's keys",
  tags,
  security: BEARER,
  middleware: requireOperator,
  request: { params: ofTenant },
  responses: { 200: all, ...problems([404]) },
});

const createForTenant = createRoute({
  method: "post",
  path: "/v1/tenants/{tenant}/keys",
  operationId: "createTenantKey",
  summary: "Make a key of a tenant's",
  tags,
  security: BEARER,
  middleware: [requireOperator, secret],
  request: { params: ofTenant, body: jsonBody(newKeySchema) },
  responses: { 201: made, ...problems([404], { body: true }) },
});

const revokeOfTenant = createRoute({
  method: "delete",
  path: "/v1/tenants/{tenant}/keys/{key}",
  operationId: "revokeTenantKey",
  summary: "Revoke a tenant's key",
  tags,
  security: BEARER,
  middleware: [requireOperator, ofOperator],
  request: { params: ofTenant.extend(key.shape) },
  responses: { 200: jsonResponse(keySchema, "The key, revoked."), ...problems([404]) },
});

export const keys = createRouter()
  .openapi(list, async (c) => {
    const found = await listApiKeys(c.var.services.database, c.var.principal.tenantId);
    return reply(c, { keys: found.map(fromKey) });
  })
  .openapi(create, async (c) => {
    const { tenantId } = c.var.principal;
    return reply(
      c,
      fromNewKey(await createApiKey(c.var.services.database, tenantId, toOptions(c.req.valid("json")))),
      201,
    );
  })
  .openapi(rotate, async (c) => {
    const { grace_seconds: grace } = c.req.valid("json");
    const { database } = c.var.services;
    const { tenantId } = c.var.principal;
    return reply(
      c,
      fromNewKey(await rotateApiKey(database, tenantId, c.req.valid("param").key, { grace })),
      201,
    );
  })
  .openapi(revoke, async (c) => {
    const { tenantId } = c.var.principal;
    return reply(c, fromKey(await revokeApiKey(c.var.services.database, tenantId, c.req.valid("param").key)));
  })
  .openapi(listOfTenant, async (c) => {
    const { database } = c.var.services;
    const { id } = await getTenant(database, c.req.valid("param").tenant);
    return reply(c, { keys: (await listApiKeys(database, id)).map(fromKey) });
  })
  .openapi(createForTenant, async (c) => {
    const { database } = c.var.services;
    const { id } = await getTenant(database, c.req.valid("param").tenant);
    return reply(c, fromNewKey(await createApiKey(database, id, toOptions(c.req.valid("json")))), 201);
  })
  .openapi(revokeOfTenant, async (c) => {
    const { database } = c.var.services;
    const params = c.req.valid("param");
    const { id } = await getTenant(database, params.tenant);
    return reply(c, fromKey(await revokeApiKey(database, id, params.key)));
  });

function toOptions({ name, scopes, expires_at: expiresAt }: z.infer<typeof newKeySchema>) {
  return { name, scopes, expiresAt: expiresAt === undefined ? undefined : new Date(expiresAt) };
}
