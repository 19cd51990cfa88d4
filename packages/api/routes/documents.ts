import { parseJson } from "@cairn/core/database/json.ts";
import { withDefaultCollection } from "@cairn/core/document/default-collection.ts";
import { deleteDocuments } from "@cairn/core/document/delete.ts";
import { ingest } from "@cairn/core/document/ingest.ts";
import { getDocuments, listDocuments } from "@cairn/core/document/list.ts";
import { updateDocuments } from "@cairn/core/document/update.ts";
import { AppError } from "@cairn/core/error.ts";
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
import { idempotent, makeId } from "../request/idempotent.ts";
import { collectionName } from "../schema/collection.ts";
import {
  documentSchema,
  filterSchema,
  fromDocument,
  idSchema,
  ingestedSchema,
  ingestSchema,
  toNewDocument,
  whereDocumentSchema,
} from "../schema/document.ts";
import { filterParameter, idempotencyHeader, idParameter, integerParameter } from "../schema/parameters.ts";
import { documentChangesSchema, toUpdate, updatedSchema, updateSchema } from "../schema/update.ts";

const writeRoute = secured("Documents", requireScope("write"), idempotent);
const readRoute = secured("Documents", requireScope("read"));
const collectionQuery = z.object({ collection: collectionName.optional() });
const documentParameter = idParameter("document", "The id of the document.");

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

const list = createRoute({
  method: "get",
  path: "/v1/documents",
  operationId: "listDocuments",
  summary: "List documents",
  description: "Returns one page of documents with their passages, in order of id.",
  ...readRoute,
  request: {
    query: collectionQuery.extend({
      limit: integerParameter(1, 1000, "Maximum number of documents. Default 100."),
      after: z.string().max(10_000).optional().openapi({ description: "The cursor from the previous page." }),
      filter: filterParameter,
    }),
  },
  responses: {
    200: jsonResponse(
      z.object({
        documents: z.array(documentSchema),
        next: z.string().nullable().describe("The cursor of the next page. Null: this is the last page."),
      }),
      "A page of documents.",
    ),
    ...problems([404, 413]),
  },
});

const get = createRoute({
  method: "get",
  path: "/v1/documents/{document}",
  operationId: "getDocument",
  summary: "Get a document with its passages",
  description:
    "Returns all passages or a range of them. If the response would be too large, the error is 413: read the passages in several requests.",
  ...readRoute,
  request: {
    params: documentParameter,
    query: collectionQuery.extend({
      first_passage: integerParameter(0, 2 * 10 ** 9, "The number of the first passage to return. Default 0."),
      passages: integerParameter(1, 1_000_000, "Maximum number of passages. Default: all."),
    }),
  },
  responses: { 200: jsonResponse(documentSchema, "The document."), ...problems([404, 413]) },
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

/** Documents of a page above which its request counts as large. */
const LARGE_PAGE = 100;

export const documents = createRouter()
  .openapi(write, async (c) => {
    const { documents: input, collection, max_tokens: maxTokens, overlap } = c.req.valid("json");
    const { services, signal } = c.var;
    const documents = input.map((document, n) =>
      toNewDocument({ ...document, id: document.id ?? makeId(c, `documents[${n}]`) }),
    );
    const result = await withDefaultCollection(services, tenantOf(c), {
      collection,
      work: () => ingest(services, tenantOf(c), { collection, documents, maxTokens, overlap, signal }),
    });
    c.var.usage.rows = result.ids.length;
    const { ids, passages, failed } = result;
    return reply(c, { collection: result.collection.name, ids: [...ids], passages, failed: [...failed] });
  })
  .openapi(list, async (c) => {
    const { collection, limit, after, filter } = c.req.valid("query");
    if ((limit ?? 0) > LARGE_PAGE) await c.var.slot.acquireLarge("read");
    const page = await listDocuments(c.var.services.database, tenantOf(c), {
      collection,
      limit,
      after,
      filter: filter === undefined ? undefined : parseFilter(filter),
      maxBytes: c.var.maxResponse,
    });
    c.var.usage.rows = page.documents.length;
    return replyLarge(c, { documents: page.documents.map(fromDocument), next: page.next });
  })
  .openapi(removeMany, async (c) => {
    const { collection, ids, filter, where_document: whereDocument } = c.req.valid("json");
    const options = { collection, ids, filter, whereDocument };
    const deleted = await deleteDocuments(c.var.services.database, tenantOf(c), options);
    c.var.usage.rows = deleted;
    return reply(c, { deleted });
  })
  .openapi(get, async (c) => {
    const { document: id } = c.req.valid("param");
    const { collection, first_passage: first = 0, passages: count } = c.req.valid("query");
    const passages = first > 0 || count !== undefined ? { first, count: count ?? 1_000_000 } : undefined;
    const options = { collection, ids: [id], passages, maxBytes: c.var.maxResponse };
    const [document] = await getDocuments(c.var.services.database, tenantOf(c), options);
    if (!document) throw documentNotFound(id);
    return replyLarge(c, fromDocument(document));
  })
  .openapi(updateMany, async (c) => {
    const { collection, documents } = c.req.valid("json");
    const updates = documents.map(({ id, ...changes }) => toUpdate(id, changes));
    const result = await updateDocuments(c.var.services.database, tenantOf(c), { collection, documents: updates });
    c.var.usage.rows = result.updated;
    return reply(c, { updated: result.updated, missing: [...result.missing] });
  })
  .openapi(update, async (c) => {
    const { document: id } = c.req.valid("param");
    const { collection } = c.req.valid("query");
    const documents = [toUpdate(id, c.req.valid("json"))];
    const options = { collection, documents, pathOf: (_: number, field: string) => field };
    const { updated } = await updateDocuments(c.var.services.database, tenantOf(c), options);
    if (updated === 0) throw documentNotFound(id);
    return replyNoContent(c);
  })
  .openapi(remove, async (c) => {
    const { document: id } = c.req.valid("param");
    const { collection } = c.req.valid("query");
    const deleted = await deleteDocuments(c.var.services.database, tenantOf(c), { collection, ids: [id] });
    if (deleted === 0) throw documentNotFound(id);
    return replyNoContent(c);
  });

function documentNotFound(id: string): AppError {
  return new AppError("not_found", `There is no document ${JSON.stringify(id.slice(0, 100))}.`);
}

/** Parses the filter of the query string. Null is refused, because it would list everything. */
function parseFilter(text: string): unknown {
  const invalid = (reason: string) =>
    new AppError("invalid_filter", `The filter in the query string ${reason}`, { path: "filter" });
  try {
    const filter = parseJson(text);
    if (filter !== null) return filter;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw invalid("is not well-formed JSON.");
  }
  throw invalid("must be a JSON object, not null. Omit it to list everything.");
}
