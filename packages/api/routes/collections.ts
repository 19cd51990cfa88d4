import { type CollectionChanges, changeCollection, deleteCollection } from "@cairn/core/collection/change.ts";
import { validateChunking } from "@cairn/core/collection/chunking.ts";
import type { Collection } from "@cairn/core/collection/collection.ts";
import { createCollection } from "@cairn/core/collection/create.ts";
import { getCollection, listCollectionPage } from "@cairn/core/collection/get.ts";
import { textLimit } from "@cairn/core/embedding/text-limit.ts";
import type { Services } from "@cairn/core/services.ts";
import { createRoute, z } from "@hono/zod-openapi";
import { requireScope, tenantOf } from "../auth/require.ts";
import {
  BEARER,
  createRouter,
  jsonBody,
  jsonResponse,
  problems,
  reply,
  replyGone,
  replyLong,
} from "../openapi.ts";
import { idempotent } from "../request/idempotent.ts";
import {
  collectionChangesSchema,
  collectionName,
  collectionSchema,
  fromCollection,
  newCollectionSchema,
  toCollectionChanges,
  toNewCollection,
} from "../schema/collection.ts";
import { idempotencyHeader, integerParameter, namedCollection } from "../schema/parameters.ts";

const tags = ["Collections"];
const one = jsonResponse(collectionSchema, "The collection.");

const list = createRoute({
  method: "get",
  path: "/v1/collections",
  operationId: "listCollections",
  summary: "The tenant's collections, by name",
  tags,
  security: BEARER,
  description: "All of them in one page, unless they are very many or have much metadata.",
  middleware: requireScope("read"),
  request: {
    query: z.object({
      limit: integerParameter(1, 1000, "Collections at most. Default 1,000."),
      after: collectionName.optional().openapi({ description: "The cursor that the page before gave." }),
    }),
  },
  responses: {
    200: jsonResponse(
      z.object({
        collections: z.array(collectionSchema),
        next: z.string().nullable().describe("The cursor of the next page; null at the end."),
      }),
      "A page.",
    ),
    ...problems(),
  },
});

const create = createRoute({
  method: "post",
  path: "/v1/collections",
  operationId: "createCollection",
  summary: "Make a collection",
  tags,
  security: BEARER,
  middleware: [requireScope("write"), idempotent],
  request: { headers: idempotencyHeader, body: jsonBody(newCollectionSchema) },
  responses: {
    201: jsonResponse(collectionSchema, "The collection that was made."),
    ...problems([404, 409, 422], { body: true }),
  },
});

const get = createRoute({
  method: "get",
  path: "/v1/collections/{collection}",
  operationId: "getCollection",
  summary: "One collection",
  tags,
  security: BEARER,
  middleware: requireScope("read"),
  request: { params: namedCollection },
  responses: { 200: one, ...problems([404]) },
});

const change = createRoute({
  method: "patch",
  path: "/v1/collections/{collection}",
  operationId: "changeCollection",
  summary: "Change a collection",
  description: "What an index is made with takes effect at the next reindex.",
  tags,
  security: BEARER,
  middleware: [requireScope("write"), idempotent],
  request: { params: namedCollection, headers: idempotencyHeader, body: jsonBody(collectionChangesSchema) },
  responses: { 200: one, ...problems([404, 409, 422], { body: true }) },
});

const remove = createRoute({
  method: "delete",
  path: "/v1/collections/{collection}",
  operationId: "deleteCollection",
  summary: "Delete a collection with its documents",
  tags,
  security: BEARER,
  middleware: [requireScope("write"), idempotent],
  request: { params: namedCollection, headers: idempotencyHeader },
  responses: { 204: { description: "It is gone." }, ...problems([404, 409, 422]) },
});

export const collections = createRouter()
  .openapi(list, async (c) => {
    const { services, maxResponse: maxBytes } = c.var;
    const { limit, after } = c.req.valid("query");
    const page = await listCollectionPage(services.database, tenantOf(c), { limit, after, maxBytes });
    const described = page.collections.map((one) => describeCollection(services, one));
    return replyLong(c, { collections: described, next: page.next });
  })
  .openapi(create, async (c) => {
    const { services } = c.var;
    const wanted = toNewCollection(c.req.valid("json"), services.embedders);
    if (wanted.chunking)
      validateChunking(wanted.chunking, textLimit(services.embedders, wanted.embeddingModel ?? null));
    const made = await createCollection(services.database, tenantOf(c), wanted);
    return reply(c, describeCollection(services, made), 201);
  })
  .openapi(get, async (c) => {
    const { collection } = c.req.valid("param");
    const { services } = c.var;
    const found = await getCollection(services.database, tenantOf(c), collection);
    return reply(c, describeCollection(services, found));
  })
  .openapi(change, async (c) => {
    const { collection } = c.req.valid("param");
    const { services } = c.var;
    const changes: CollectionChanges = toCollectionChanges(c.req.valid("json"));
    if (changes.chunking) {
      const { embeddingModel } = await getCollection(services.database, tenantOf(c), collection);
      const model = changes.embeddingModel ?? embeddingModel;
      validateChunking(changes.chunking, textLimit(services.embedders, model));
    }
    const changed = await changeCollection(services.database, tenantOf(c), collection, changes);
    return reply(c, describeCollection(services, changed));
  })
  .openapi(remove, async (c) => {
    await deleteCollection(c.var.services.database, tenantOf(c), c.req.valid("param").collection);
    return replyGone(c);
  });

function describeCollection({ embedders }: Services, collection: Collection) {
  return fromCollection(collection, textLimit(embedders, collection.embeddingModel));
}
