import { parseJson } from "@cairn/core/database/json.ts";
import { getDocuments, listDocuments } from "@cairn/core/document/list.ts";
import { AppError } from "@cairn/core/error.ts";
import { createRoute, z } from "@hono/zod-openapi";
import { requireScope, tenantOf } from "../auth/require.ts";
import { createRouter, jsonBody, jsonResponse, problems, reply, replyLarge, secured } from "../openapi.ts";
import { documentSchema, fromDocument } from "../schema/document.ts";
import {
  collectionQuery,
  documentParameter,
  filterParameter,
  includeParameter,
  integerParameter,
  whereDocumentParameter,
} from "../schema/parameters.ts";
import {
  countDocumentsSchema,
  documentCountSchema,
  documentPageSchema,
  foundDocumentsSchema,
  getDocumentsSchema,
} from "../schema/read-documents.ts";
import { documentNotFound } from "./document-not-found.ts";

const readRoute = secured("Documents", requireScope("read"));

const list = createRoute({
  method: "get",
  path: "/v1/documents",
  operationId: "listDocuments",
  summary: "List documents",
  description:
    "Returns one page of documents with their passages, in order of id. With filters, a document is listed if one of its passages matches both.",
  ...readRoute,
  request: {
    query: collectionQuery.extend({
      limit: integerParameter(1, 1000, "Maximum number of documents. Default 100."),
      after: z.string().max(10_000).optional().openapi({ description: "The cursor from the previous page." }),
      filter: filterParameter,
      where_document: whereDocumentParameter,
      include: includeParameter,
    }),
  },
  responses: {
    200: jsonResponse(documentPageSchema, "A page of documents."),
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
      include: includeParameter,
    }),
  },
  responses: { 200: jsonResponse(documentSchema, "The document."), ...problems([404, 413]) },
});

const getMany = createRoute({
  method: "post",
  path: "/v1/documents/get",
  operationId: "getDocuments",
  summary: "Get documents by ids",
  description:
    "Returns documents with their passages, in the order of the ids. If an id occurs twice, its document is returned once.",
  ...readRoute,
  request: { body: jsonBody(getDocumentsSchema) },
  responses: {
    200: jsonResponse(foundDocumentsSchema, "The documents that exist."),
    ...problems([404, 413], { body: true }),
  },
});

const count = createRoute({
  method: "post",
  path: "/v1/documents/count",
  operationId: "countDocuments",
  summary: "Count documents",
  description: "Counts all documents of a collection, or those with a passage that matches both filters.",
  ...readRoute,
  request: { body: jsonBody(countDocumentsSchema) },
  responses: {
    200: jsonResponse(documentCountSchema, "The numbers of documents and passages."),
    ...problems([404], { body: true }),
  },
});

/** Documents of a response above which its request counts as large. */
const LARGE_PAGE = 100;

const FEWER_IDS = "Request fewer ids. Of a single large document, read its passages in ranges: GET /v1/documents/{id}.";

export const documentReads = createRouter()
  .openapi(list, async (c) => {
    const { collection, limit, after, filter, where_document: whereDocument, include } = c.req.valid("query");
    // A condition on the text is evaluated for every passage.
    if ((limit ?? 0) > LARGE_PAGE || whereDocument !== undefined) await c.var.slot.acquireLarge("read");
    const page = await listDocuments(c.var.services.database, tenantOf(c), {
      collection,
      limit,
      after,
      filter: filter === undefined ? undefined : parseFilter(filter, "filter"),
      whereDocument: whereDocument === undefined ? undefined : parseFilter(whereDocument, "where_document"),
      embeddings: include === "embedding",
      maxBytes: c.var.maxResponse,
    });
    c.var.usage.rows = page.documents.length;
    return replyLarge(c, { documents: page.documents.map(fromDocument), next: page.next });
  })
  .openapi(getMany, async (c) => {
    const { collection, ids, include = [] } = c.req.valid("json");
    if (ids.length > LARGE_PAGE) await c.var.slot.acquireLarge("read");
    const found = await getDocuments(c.var.services.database, tenantOf(c), {
      collection,
      ids,
      embeddings: include.includes("embedding"),
      maxBytes: c.var.maxResponse,
      remedy: FEWER_IDS,
    });
    const byId = new Map(found.map((document) => [document.id, document]));
    c.var.usage.rows = found.length;
    const requested = [...new Set(ids)];
    return replyLarge(c, {
      documents: requested.flatMap((id) => byId.get(id) ?? []).map(fromDocument),
      missing: requested.filter((id) => !byId.has(id)),
    });
  })
  .openapi(count, async (c) => {
    const { collection, filter, where_document: whereDocument } = c.req.valid("json");
    if (whereDocument) await c.var.slot.acquireLarge("read");
    const { countDocuments } = await import("@cairn/core/document/count.ts");
    const counted = await countDocuments(c.var.services.database, tenantOf(c), { collection, filter, whereDocument });
    return reply(c, { ...counted });
  })
  .openapi(get, async (c) => {
    const { document: id } = c.req.valid("param");
    const { collection, first_passage: first = 0, passages: count, include } = c.req.valid("query");
    const passages = first > 0 || count !== undefined ? { first, count: count ?? 1_000_000 } : undefined;
    const [document] = await getDocuments(c.var.services.database, tenantOf(c), {
      collection,
      ids: [id],
      passages,
      embeddings: include === "embedding",
      maxBytes: c.var.maxResponse,
    });
    if (!document) throw documentNotFound(id);
    return replyLarge(c, fromDocument(document));
  });

/** Parses a filter of the query string. Null is refused, because it would list everything. */
function parseFilter(text: string, name: "filter" | "where_document"): unknown {
  const invalid = (reason: string) => new AppError("invalid_filter", `The parameter ${name} ${reason}`, { path: name });
  try {
    const filter = parseJson(text);
    if (filter !== null) return filter;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw invalid("is not well-formed JSON.");
  }
  throw invalid("must be a JSON object, not null. Omit it to list everything.");
}
