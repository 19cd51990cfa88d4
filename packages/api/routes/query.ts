import { AppError } from "@cairn/core/error.ts";
import { query as findOne, queryMany } from "@cairn/core/search/query.ts";
import { createRoute, type z } from "@hono/zod-openapi";
import { requireScope, tenantOf } from "../auth/require.ts";
import { BEARER, createRouter, jsonBody, jsonResponse, problems, replyLong } from "../openapi.ts";
import { foundSchema, fromHit, querySchema } from "../schema/query.ts";
import { toVector } from "../schema/vector.ts";

const ask = createRoute({
  method: "post",
  path: "/v1/query",
  operationId: "query",
  summary: "Find the passages nearest to a text or a vector, or to many",
  tags: ["Search"],
  security: BEARER,
  middleware: requireScope("read"),
  request: { body: jsonBody(querySchema) },
  responses: {
    200: jsonResponse(foundSchema, "The hits, best first: never fewer than exist and match."),
    ...problems([404, 413, 422, 502], { body: true }),
  },
});

/** Hits from which on a request is one of the tenant's large ones. */
const LARGE_ANSWER = 500;

export const search = createRouter().openapi(ask, async (c) => {
  const { query, query_embedding, queries, top_k, where_document, max_distance, group_by, ...rest } =
    c.req.valid("json");
  const { include } = rest;
  if (queries && (query !== undefined || query_embedding !== undefined))
    throw new AppError("invalid_input", "Give either one query or queries, not both.", { path: "queries" });
  const { services, signal } = c.var;
  const options = {
    ...rest,
    topK: top_k,
    whereDocument: where_document,
    maxDistance: max_distance,
    groupBy: group_by,
    maxBytes: c.var.maxResponse,
    signal,
  };
  // A condition on the text is compared with every passage.
  if (where_document || (queries?.length ?? 1) * (top_k ?? 10) > LARGE_ANSWER)
    await c.var.place.large("read");
  const found = queries
    ? await queryMany(services, tenantOf(c), { ...options, queries: queries.map(toWanted) })
    : [await findOne(services, tenantOf(c), { ...options, ...toWanted({ query, query_embedding }) })];
  const results = found.map((hits) => hits.map((hit) => fromHit(hit, include)));
  c.var.facts.rows = results.reduce((sum, hits) => sum + hits.length, 0);
  const body = { hits: results[0] ?? [], ...(queries ? { results } : {}) };
  return replyLong(c, body);
});

function toWanted({
  query,
  query_embedding: embedding,
}: Pick<z.infer<typeof querySchema>, "query" | "query_embedding">) {
  return { text: query, embedding: embedding === undefined ? undefined : toVector(embedding) };
}
