import type { CollectionChanges } from "@cairn/core/collection/change.ts";
import { validateChunking } from "@cairn/core/collection/chunking.ts";
import type { Collection } from "@cairn/core/collection/collection.ts";
import { getCollection, listCollectionPage } from "@cairn/core/collection/get.ts";
import { textLimit } from "@cairn/core/embedding/text-limit.ts";
import type { Services } from "@cairn/core/services.ts";
import { createRoute, z } from "@hono/zod-openapi";
import { requireScope, tenantOf } from "../auth/require.ts";
import {
  createRouter,
  jsonBody,
  jsonResponse,
  problems,
  reply,
  replyLarge,
  replyNoContent,
  secured,
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

const readRoute = secured("Collections", requireScope("read"));
const writeRoute = secured("Collections", requireScope("write"), idempotent);
const collectionResponse = jsonResponse(collectionSchema, "The collection.");

const list = createRoute({
  method: "get",
  path: "/v1/collections",
  operationId: "listCollections",
  summary: "List collections",
  ...readRoute,
  description:
    "Returns the tenant's collections in order of name. One page holds all of them unless they exceed the limit or the maximum size of a response.",
  request: {
    query: z.object({
      limit: integerParameter(1, 1000, "Maximum number of collections. Default 1,000."),
      after: collectionName.optional().openapi({ description: "The cursor from the previous page." }),
    }),
  },
  responses: {
    200: jsonResponse(
      z.object({
        collections: z.array(collectionSchema),
        next: z.string().nullable().describe("The cursor of the next page. Null: this is the last page."),
      }),
      "A page of collections.",
    ),
    ...problems(),
  },
});

const create = createRoute({
  method: "post",
  path: "/v1/collections",
  operationId: "createCollection",
  summary: "Create a collection",
  ...writeRoute,
  request: { headers: idempotencyHeader, body: jsonBody(newCollectionSchema) },
  responses: {
    201: jsonResponse(collectionSchema, "The new collection."),
    ...problems([404, 409, 422], { body: true }),
  },
});

const get = createRoute({
  method: "get",
  path: "/v1/collections/{collection}",
  operationId: "getCollection",
  summary: "Get a collection",
  ...readRoute,
  request: { params: namedCollection },
  responses: { 200: collectionResponse, ...problems([404]) },
});

const change = createRoute({
  method: "patch",
  path: "/v1/collections/{collection}",
  operationId: "changeCollection",
  summary: "Change a collection",
  description: "Settings of index builds take effect at the next reindex.",
  ...writeRoute,
  request: { params: namedCollection, headers: idempotencyHeader, body: jsonBody(collectionChangesSchema) },
  responses: { 200: collectionResponse, ...problems([404, 409, 422], { body: true }) },
});

const remove = createRoute({
  method: "delete",
  path: "/v1/collections/{collection}",
  operationId: "deleteCollection",
  summary: "Delete a collection and its documents",
  ...writeRoute,
  request: { params: namedCollection, headers: idempotencyHeader },
  responses: { 204: { description: "The collection is deleted." }, ...problems([404, 409, 422]) },
});

export const collections = createRouter()
  .openapi(list, async (c) => {
    const { services, maxResponse: maxBytes } = c.var;
    const { limit, after } = c.req.valid("query");
    const page = await listCollectionPage(services.database, tenantOf(c), { limit, after, maxBytes });
    const described = page.collections.map((collection) => describeCollection(services, collection));
    return replyLarge(c, { collections: described, next: page.next });
  })
  .openapi(create, async (c) => {
    const { services } = c.var;
    const input = toNewCollection(c.req.valid("json"), services.embedders);
    if (input.chunking) validateChunking(input.chunking, textLimit(services.embedders, input.embeddingModel ?? null));
    const { createCollection } = await import("@cairn/core/collection/create.ts");
    const created = await createCollection(services.database, tenantOf(c), input);
    return reply(c, describeCollection(services, created), 201);
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
    const { changeCollection } = await import("@cairn/core/collection/change.ts"); // rarely requested
    const changed = await changeCollection(services.database, tenantOf(c), collection, changes);
    return reply(c, describeCollection(services, changed));
  })
  .openapi(remove, async (c) => {
    const { deleteCollection } = await import("@cairn/core/collection/change.ts");
    await deleteCollection(c.var.services.database, tenantOf(c), c.req.valid("param").collection);
    return replyNoContent(c);
  });

function describeCollection({ embedders }: Services, collection: Collection) {
  return fromCollection(collection, textLimit(embedders, collection.embeddingModel));
}
