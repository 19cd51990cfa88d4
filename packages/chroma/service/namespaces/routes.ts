import { createRouter, jsonBody, jsonResponse, problems, reply, replyNoContent, secured } from "@cairn/api/openapi.ts";
import { refuseOperatorIdempotencyKey } from "@cairn/api/request/idempotent.ts";
import { idParameter } from "@cairn/api/schema/parameters.ts";
import {
  createdKeySchema,
  fromKey,
  fromNewKey,
  keySchema,
  newKeySchema,
  toKeyOptions,
} from "@cairn/api/schema/service.ts";
import { listApiKeys, revokeApiKey } from "@cairn/core/tenant/api-key.ts";
import { deleteNamespace, getNamespace, listNamespaces } from "@cairn/core/tenant/namespace.ts";
import { createRoute, z } from "@hono/zod-openapi";
import { addNamespace, addNamespaceKey } from "../../namespace/manage.ts";
import { errorToApiTerms } from "../api-terms.ts";
import { fromNamespace, namespaceSchema, newNamespaceSchema } from "./schema.ts";

const parameter = idParameter("namespace", "The id or name of the namespace.");
const read = secured("Namespaces");
const write = secured("Namespaces", refuseOperatorIdempotencyKey);

const list = createRoute({
  ...read,
  method: "get",
  path: "/v1/namespaces",
  operationId: "listNamespaces",
  summary: "List namespaces",
  responses: {
    200: jsonResponse(z.object({ namespaces: z.array(namespaceSchema) }), "All namespaces in order of name."),
    ...problems(),
  },
});

const create = createRoute({
  ...write,
  method: "post",
  path: "/v1/namespaces",
  operationId: "createNamespace",
  summary: "Create a namespace",
  description:
    "Maps the names of a Chroma server to tenants and their collections, for an application that uses one server for all its tenants.",
  request: { body: jsonBody(newNamespaceSchema) },
  responses: { 201: jsonResponse(namespaceSchema, "The namespace."), ...problems([409], { body: true }) },
});

const remove = createRoute({
  ...write,
  method: "delete",
  path: "/v1/namespaces/{namespace}",
  operationId: "deleteNamespace",
  summary: "Delete a namespace with its keys",
  description: "The tenants and their collections stay.",
  request: { params: parameter },
  responses: { 204: { description: "The namespace is deleted." }, ...problems([404]) },
});

const listKeys = createRoute({
  ...read,
  method: "get",
  path: "/v1/namespaces/{namespace}/keys",
  operationId: "listNamespaceKeys",
  summary: "List the keys of a namespace",
  request: { params: parameter },
  responses: {
    200: jsonResponse(z.object({ keys: z.array(keySchema) }), "All keys without their secrets, oldest first."),
    ...problems([404]),
  },
});

const createKey = createRoute({
  ...write,
  method: "post",
  path: "/v1/namespaces/{namespace}/keys",
  operationId: "createNamespaceKey",
  summary: "Create a key of a namespace",
  description: "The key acts for every tenant of the namespace. It can have the scopes `read` and `write`.",
  request: { params: parameter, body: jsonBody(newKeySchema) },
  responses: {
    201: jsonResponse(createdKeySchema, "The key with its secret, which is shown only once."),
    ...problems([404], { body: true }),
  },
});

const revokeKey = createRoute({
  ...write,
  method: "delete",
  path: "/v1/namespaces/{namespace}/keys/{key}",
  operationId: "revokeNamespaceKey",
  summary: "Revoke a key of a namespace",
  request: { params: parameter.extend(idParameter("key", "The id of the key.").shape) },
  responses: { 200: jsonResponse(keySchema, "The key, revoked."), ...problems([404]) },
});

/** The routes of namespaces, for the operator. */
export function namespaceRoutes() {
  return createRouter()
    .openapi(list, async (c) => {
      const all = await listNamespaces(c.var.services.database);
      return reply(c, { namespaces: all.map(fromNamespace) });
    })
    .openapi(create, async (c) => {
      const { name, ...settings } = c.req.valid("json");
      const created = await addNamespace(c.var.services.database, { name, settings }).catch((error: unknown) => {
        throw errorToApiTerms(error, { "--pattern": "patterns" });
      });
      return reply(c, fromNamespace(created), 201);
    })
    .openapi(remove, async (c) => {
      await deleteNamespace(c.var.services.database, c.req.valid("param").namespace);
      return replyNoContent(c);
    })
    .openapi(listKeys, async (c) => {
      const { database } = c.var.services;
      const { id: namespaceId } = await getNamespace(database, c.req.valid("param").namespace);
      return reply(c, { keys: (await listApiKeys(database, { namespaceId })).map(fromKey) });
    })
    .openapi(createKey, async (c) => {
      const options = toKeyOptions(c.req.valid("json"));
      return reply(
        c,
        fromNewKey(await addNamespaceKey(c.var.services.database, c.req.valid("param").namespace, options)),
        201,
      );
    })
    .openapi(revokeKey, async (c) => {
      const { database } = c.var.services;
      const { namespace, key } = c.req.valid("param");
      const { id: namespaceId } = await getNamespace(database, namespace);
      return reply(c, fromKey(await revokeApiKey(database, { namespaceId }, key)));
    });
}
