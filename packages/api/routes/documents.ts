import { parseJson } from "@cairn/core/database/json.ts";
import { inDefaultCollection } from "@cairn/core/document/default-collection.ts";
import { deleteDocuments } from "@cairn/core/document/delete.ts";
import { ingest } from "@cairn/core/document/ingest.ts";
import { getDocuments, listDocuments } from "@cairn/core/document/list.ts";
import { AppError } from "@cairn/core/error.ts";
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

const tags = ["Documents"];
const inCollection = z.object({ collection: collectionName.optional() });
const oneDocument = idParameter("document", "The document's id.");

const write = createRoute({
  method: "post",
  path: "/v1/documents",
  operationId: "ingestDocuments",
  summary: "Add documents, replacing those with the same ids",
  description:
    "Long texts are split into passages, and passages embedded; text that was embedded before costs nothing. " +
    "What takes longer than a request may: POST /v1/documents/bulk.",
  tags,
  security: BEARER,
  middleware: [requireScope("write"), idempotent],
  request: { headers: idempotencyHeader, body: jsonBody(ingestSchema) },
  responses: {
    200: jsonResponse(ingestedSchema, "What was written, and what could not be taken."),
    ...problems([404, 409, 422, 502], { body: true }),
  },
});

const list = createRoute({
  method: "get",
  path: "/v1/documents",
  operationId: "listDocuments",
  summary: "A page of documents, in the order of their ids",
  tags,
  security: BEARER,
  middleware: requireScope("read"),
  request: {
    query: inCollection.extend({
      limit: integerParameter(1, 1000, "Documents at most. Default 100."),
      after: z
        .string()
        .max(10_000)
        .optional()
        .openapi({ description: "The cursor that the page before gave." }),
      filter: filterParameter,
    }),
  },
  responses: {
    200: jsonResponse(
      z.object({
        documents: z.array(documentSchema),
        next: z.string().nullable().describe("The cursor of the next page; null at the end."),
      }),
      "A page.",
    ),
    ...problems([404, 413]),
  },
});

const get = createRoute({
  method: "get",
  path: "/v1/documents/{document}",
  operationId: "getDocument",
  summary: "One document with its passages, or some of them",
  description: "What is larger than a response may be is 413: read its passages in several requests.",
  tags,
  security: BEARER,
  middleware: requireScope("read"),
  request: {
    params: oneDocument,
    query: inCollection.extend({
      first_passage: integerParameter(0, 2_000_000_000, "The number of the first passage. Default 0."),
      passages: integerParameter(1, 1_000_000, "Passages at most. Default: all."),
    }),
  },
  responses: { 200: jsonResponse(documentSchema, "The document."), ...problems([404, 413]) },
});

const remove = createRoute({
  method: "delete",
  path: "/v1/documents/{document}",
  operationId: "deleteDocument",
  summary: "Delete one document",
  tags,
  security: BEARER,
  middleware: [requireScope("write"), idempotent],
  request: { params: oneDocument, query: inCollection, headers: idempotencyHeader },
  responses: { 204: { description: "It is gone." }, ...problems([404, 409, 422]) },
});

const removeMany = createRoute({
  method: "post",
  path: "/v1/documents/delete",
  operationId: "deleteDocuments",
  summary: "Delete documents by ids, by a filter, or those for which both hold",
  tags,
  security: BEARER,
  middleware: [requireScope("write"), idempotent],
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
    200: jsonResponse(z.object({ deleted: z.int() }), "How many documents are gone."),
    ...problems([404, 409, 422], { body: true }),
  },
});

/** Documents of a page from which on its request is one of the tenant's large ones. */
const LARGE_PAGE = 100;

export const documents = createRouter()
  .openapi(write, async (c) => {
    const { documents: given, collection, max_tokens: maxTokens, overlap } = c.req.valid("json");
    const { services, signal } = c.var;
    const documents = given.map((one, n) =>
      toNewDocument({ ...one, id: one.id ?? makeId(c, `documents[${n}]`) }),
    );
    const done = await inDefaultCollection(services, tenantOf(c), {
      collection,
      work: () => ingest(services, tenantOf(c), { collection, documents, maxTokens, overlap, signal }),
    });
    c.var.facts.rows = done.ids.length;
    const { ids, passages, failed } = done;
    return reply(c, { collection: done.collection.name, ids: [...ids], passages, failed: [...failed] });
  })
  .openapi(list, async (c) => {
    const { collection, limit, after, filter } = c.req.valid("query");
    if ((limit ?? 0) > LARGE_PAGE) await c.var.place.large("read");
    const page = await listDocuments(c.var.services.database, tenantOf(c), {
      collection,
      limit,
      after,
      filter: filter === undefined ? undefined : readFilter(filter),
      maxBytes: c.var.maxResponse,
    });
    c.var.facts.rows = page.documents.length;
    return replyLong(c, { documents: page.documents.map(fromDocument), next: page.next });
  })
  .openapi(removeMany, async (c) => {
    const { collection, ids, filter, where_document: whereDocument } = c.req.valid("json");
    const wanted = { collection, ids, filter, whereDocument };
    const deleted = await deleteDocuments(c.var.services.database, tenantOf(c), wanted);
    c.var.facts.rows = deleted;
    return reply(c, { deleted });
  })
  .openapi(get, async (c) => {
    const { document: id } = c.req.valid("param");
    const { collection, first_passage: first = 0, passages: count } = c.req.valid("query");
    const passages = first > 0 || count !== undefined ? { first, count: count ?? 1_000_000 } : undefined;
    const wanted = { collection, ids: [id], passages, maxBytes: c.var.maxResponse };
    const [found] = await getDocuments(c.var.services.database, tenantOf(c), wanted);
    if (!found) throw noDocument(id);
    return replyLong(c, fromDocument(found));
  })
  .openapi(remove, async (c) => {
    const { document: id } = c.req.valid("param");
    const { collection } = c.req.valid("query");
    const deleted = await deleteDocuments(c.var.services.database, tenantOf(c), { collection, ids: [id] });
    if (deleted === 0) throw noDocument(id);
    return replyGone(c);
  });

function noDocument(id: string): AppError {
  return new AppError("not_found", `There is no document ${JSON.stringify(id.slice(0, 100))}.`);
}

/** The filter in the address. Null is none: it would list everything. */
function readFilter(text: string): unknown {
  const wrong = (says: string) =>
    new AppError("invalid_filter", `The filter in the address ${says}`, { path: "filter" });
  try {
    const filter = parseJson(text);
    if (filter !== null) return filter;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw wrong("is not well-formed JSON.");
  }
  throw wrong("must be a JSON object, not null. Leave it out to list everything.");
}
