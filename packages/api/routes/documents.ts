import { withDefaultCollection } from "@cairn/core/document/default-collection.ts";
import { createRoute, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { requireScope, tenantOf } from "../auth/require.ts";
import type { Env } from "../context.ts";
import { createRouter, jsonBody, jsonResponse, problems, reply, replyNoContent, secured } from "../openapi.ts";
import { idempotent, makeId } from "../request/idempotent.ts";
import { collectionName } from "../schema/collection.ts";
import {
  filterSchema,
  idSchema,
  ingestedSchema,
  ingestSchema,
  toNewDocument,
  whereDocumentSchema,
} from "../schema/document.ts";
import { collectionQuery, documentParameter, idempotencyHeader } from "../schema/parameters.ts";
import { documentChangesSchema, toUpdate, updatedSchema, updateSchema } from "../schema/update.ts";
import { documentNotFound } from "./document-not-found.ts";

const writeRoute = secured("Documents", requireScope("write"), idempotent);

const UPDATE_DESCRIPTION =
  "Metadata is merged key by key: given values are set, a null value deletes its key, and other keys stay. The text, the vectors and the insertion order stay. Nothing is embedded.";

const write = createRoute({
  method: "post",
  path: "/v1/documents",
  operationId: "ingestDocuments",
  summary: "Add or replace documents",
  description:
    "Documents with existing ids are replaced. Long texts are split into passages, and each passage is embedded. Text that was embedded " +
    "before is taken from a cache and costs nothing. Use POST /v1/documents/bulk for more documents than one request can process in time.",
  ...writeRoute,
  request: { headers: idempotencyHeader, body: jsonBody(ingestSchema) },
  responses: {
    200: jsonResponse(ingestedSchema, "The documents that were written and those that failed."),
    ...problems([404, 409, 422, 502], { body: true }),
  },
});

const update = createRoute({
  method: "patch",
  path: "/v1/documents/{document}",
  operationId: "updateDocument",
  summary: "Change the metadata or the URI of a document",
  description: UPDATE_DESCRIPTION,
  ...writeRoute,
  request: {
    params: documentParameter,
    query: collectionQuery,
    headers: idempotencyHeader,
    body: jsonBody(documentChangesSchema),
  },
  responses: { 204: { description: "The document is changed." }, ...problems([404, 409, 422], { body: true }) },
});

const updateMany = createRoute({
  method: "post",
  path: "/v1/documents/update",
  operationId: "updateDocuments",
  summary: "Change the metadata or the URIs of documents",
  description: `${UPDATE_DESCRIPTION} Either all documents that exist are changed, or none.`,
  ...writeRoute,
  request: { headers: idempotencyHeader, body: jsonBody(updateSchema) },
  responses: {
    200: jsonResponse(updatedSchema, "The number of changed documents, and the ids that do not exist."),
    ...problems([404, 409, 422], { body: true }),
  },
});

const remove = createRoute({
  method: "delete",
  path: "/v1/documents/{document}",
  operationId: "deleteDocument",
  summary: "Delete a document",
  ...writeRoute,
  request: { params: documentParameter, query: collectionQuery, headers: idempotencyHeader },
  responses: { 204: { description: "The document is deleted." }, ...problems([404, 409, 422]) },
});

const removeMany = createRoute({
  method: "post",
  path: "/v1/documents/delete",
  operationId: "deleteDocuments",
  summary: "Delete documents by ids or a filter",
  description: "Several conditions are combined with AND: a document must meet all of them.",
  ...writeRoute,
  request: {
    headers: idempotencyHeader,
    body: jsonBody(
      z
        .strictObject({
          collection: collectionName.optional(),
          ids: z.array(idSchema).min(1).max(10_000).optional(),
          filter: filterSchema.optional(),
          where_document: whereDocumentSchema.optional(),
        })
        .openapi("DeleteDocuments", { example: { filter: { topic: "outdated" } } }),
    ),
  },
  responses: {
    200: jsonResponse(z.object({ deleted: z.int() }), "The number of deleted documents."),
    ...problems([404, 409, 422], { body: true }),
  },
});

/** Ingests the documents of a request. */
export async function ingestNow(
  c: Context<Env>,
  { documents: input, collection, max_tokens: maxTokens, overlap }: z.infer<typeof ingestSchema>,
): Promise<z.infer<typeof ingestedSchema>> {
  const { services, signal, usage } = c.var;
  const documents = input.map((document, n) =>
    toNewDocument({ ...document, id: document.id ?? makeId(c, `documents[${n}]`) }),
  );
  const { ingest } = await import("@cairn/core/document/ingest.ts"); // a process that only searches does not need it
  const result = await withDefaultCollection(services, tenantOf(c), {
    collection,
    work: () => ingest(services, tenantOf(c), { collection, documents, maxTokens, overlap, signal }),
  });
  const { ids, passages, failed, notice } = result;
  usage.rows = ids.length;
  return { collection: result.collection.name, ids: [...ids], passages, failed: [...failed], notice };
}

export const documents = createRouter()
  .openapi(write, async (c) => reply(c, await ingestNow(c, c.req.valid("json"))))
  .openapi(removeMany, async (c) => {
    const { collection, ids, filter, where_document: whereDocument } = c.req.valid("json");
    const options = { collection, ids, filter, whereDocument };
    const { deleteDocuments } = await import("@cairn/core/document/delete.ts");
    const deleted = await deleteDocuments(c.var.services.database, tenantOf(c), options);
    c.var.usage.rows = deleted;
    return reply(c, { deleted });
  })
  .openapi(updateMany, async (c) => {
    const { collection, documents } = c.req.valid("json");
    const updates = documents.map(({ id, ...changes }) => toUpdate(id, changes));
    const { updateDocuments } = await import("@cairn/core/document/update.ts");
    const result = await updateDocuments(c.var.services.database, tenantOf(c), { collection, documents: updates });
    c.var.usage.rows = result.updated;
    return reply(c, { updated: result.updated, missing: [...result.missing] });
  })
  .openapi(update, async (c) => {
    const { document: id } = c.req.valid("param");
    const { collection } = c.req.valid("query");
    const documents = [toUpdate(id, c.req.valid("json"))];
    const options = { collection, documents, pathOf: (_: number, field: string) => field };
    const { updateDocuments } = await import("@cairn/core/document/update.ts");
    const { updated } = await updateDocuments(c.var.services.database, tenantOf(c), options);
    if (updated === 0) throw documentNotFound(id);
    return replyNoContent(c);
  })
  .openapi(remove, async (c) => {
    const { document: id } = c.req.valid("param");
    const { collection } = c.req.valid("query");
    const { deleteDocuments } = await import("@cairn/core/document/delete.ts");
    const deleted = await deleteDocuments(c.var.services.database, tenantOf(c), { collection, ids: [id] });
    if (deleted === 0) throw documentNotFound(id);
    return replyNoContent(c);
  });
