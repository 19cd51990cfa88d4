import { toRerankRequest } from "@cairn/core/assistant/search-tool.ts";
import { AppError } from "@cairn/core/error.ts";
import { candidatesOf } from "@cairn/core/rerank/reranker.ts";
import { queryManyResults, queryResult } from "@cairn/core/search/query.ts";
import { createRoute, type z } from "@hono/zod-openapi";
import { requireScope, tenantOf } from "../auth/require.ts";
import { createRouter, jsonBody, jsonResponse, problems, replyLarge, secured } from "../openapi.ts";
import { fromHit, queryResultSchema, querySchema } from "../schema/query.ts";
import { toVector } from "../schema/vector.ts";

const queryRoute = createRoute({
  method: "post",
  path: "/v1/query",
  operationId: "query",
  summary: "Search for passages",
  description:
    "Finds the passages nearest to a text or a vector, or to each of several. A query returns top_k hits if that many passages exist and match the filters.",
  ...secured("Search", requireScope("read")),
  request: { body: jsonBody(querySchema) },
  responses: {
    200: jsonResponse(queryResultSchema, "The hits, best first."),
    ...problems([404, 413, 422, 502], { body: true }),
  },
});

/** Total hits above which a request counts as large. */
const LARGE_RESULT = 500;

/** The same, for hits with vectors. */
const LARGE_RESULT_WITH_VECTORS = 100;

export const search = createRouter().openapi(queryRoute, async (c) => {
  const { query, query_embedding, queries, top_k, where_document, max_distance, group_by, ...rest } =
    c.req.valid("json");
  const rerank = rest.rerank && toRerankRequest(rest.rerank);
  const { include } = rest;
  if (queries && (query !== undefined || query_embedding !== undefined))
    throw new AppError("invalid_input", "Send either one query or queries, not both.", { path: "queries" });
  const { services, signal } = c.var;
  const options = {
    ...rest,
    topK: top_k,
    whereDocument: where_document,
    maxDistance: max_distance,
    groupBy: group_by,
    rerank,
    maxBytes: c.var.maxResponse,
    signal,
  };
  // A condition on the text is evaluated for every passage.
  const maxHits = include?.includes("embedding") ? LARGE_RESULT_WITH_VECTORS : LARGE_RESULT;
  const candidates = (queries?.length ?? 1) * candidatesOf(top_k ?? 10, rerank);
  if (where_document || candidates > maxHits) await c.var.slot.acquireLarge("read");
  const found = queries
    ? await queryManyResults(services, tenantOf(c), { ...options, queries: queries.map(toQueryInput) })
    : [await queryResult(services, tenantOf(c), { ...options, ...toQueryInput({ query, query_embedding }) })];
  const results = found.map(({ hits }) => hits.map((hit) => fromHit(hit, include)));
  const outcomes = found.flatMap((result) => result.rerank ?? []);
  c.var.usage.rows = results.reduce((sum, hits) => sum + hits.length, 0);
  const body = {
    hits: results[0] ?? [],
    ...(queries ? { results } : {}),
    ...(rerank ? { rerank: outcomes[0], ...(queries ? { reranks: outcomes } : {}) } : {}),
  };
  return replyLarge(c, body);
});

/** A query of a request in the terms of core. */
export function toQueryInput({
  query,
  query_embedding: embedding,
}: Pick<z.infer<typeof querySchema>, "query" | "query_embedding">) {
  return { text: query, embedding: embedding === undefined ? undefined : toVector(embedding) };
}
