import { createRoute, z } from "@hono/zod-openapi";
import { requireScope, tenantOf } from "../auth/require.ts";
import { createRouter, jsonBody, jsonResponse, problems, replyLarge, secured } from "../openapi.ts";
import { explainSchema, explanationSchema, metadataKeysSchema } from "../schema/explore.ts";
import { integerParameter, namedCollection } from "../schema/parameters.ts";
import { toQueryInput } from "./query.ts";

const metadataKeys = createRoute({
  method: "get",
  path: "/v1/collections/{collection}/metadata",
  operationId: "getMetadataKeys",
  summary: "Get the metadata keys of a collection",
  description:
    "Returns the keys and their most frequent values in the newest 1,000 documents, for building filters. " +
    "The time does not depend on the size of the collection. Metadata of more than 8 kB is not read.",
  ...secured("Collections", requireScope("read")),
  request: {
    params: namedCollection,
    query: z.object({ values: integerParameter(1, 100, "Maximum number of values of a key. Default 20.") }),
  },
  responses: { 200: jsonResponse(metadataKeysSchema, "The keys, the most frequent first."), ...problems([404]) },
});

const explain = createRoute({
  method: "post",
  path: "/v1/query/explain",
  operationId: "explainQuery",
  summary: "Explain a search",
  description:
    "Returns what a search does and why, with its statements and the plans of Postgres. The search itself does not run. " +
    "Takes the fields of POST /v1/query for one query. A text is embedded unless the mode is keyword.",
  ...secured("Search", requireScope("read")),
  request: { body: jsonBody(explainSchema) },
  responses: { 200: jsonResponse(explanationSchema, "The plan."), ...problems([404, 422, 502], { body: true }) },
});

/** What helps people to write a query. A function that answers searches never loads it. */
export const explore = createRouter()
  .openapi(metadataKeys, async (c) => {
    const { listMetadataKeys } = await import("@cairn/core/collection/metadata-keys.ts");
    const { collection } = c.req.valid("param");
    const { values } = c.req.valid("query");
    const { sampled, keys } = await listMetadataKeys(c.var.services.database, tenantOf(c), { collection, values });
    c.var.usage.rows = sampled;
    return replyLarge(c, { sampled, keys } as unknown as z.infer<typeof metadataKeysSchema>);
  })
  .openapi(explain, async (c) => {
    const { explainSearch } = await import("@cairn/core/search/explain.ts");
    const { query, query_embedding, top_k, where_document, max_distance, group_by, ...rest } = c.req.valid("json");
    const { words, steps } = await explainSearch(c.var.services, tenantOf(c), {
      ...rest,
      ...toQueryInput({ query, query_embedding }),
      topK: top_k,
      whereDocument: where_document,
      maxDistance: max_distance,
      groupBy: group_by,
      signal: c.var.signal,
      estimates: false,
    });
    return replyLarge(c, {
      summary: [...words],
      steps: steps.map(({ list, settings, sql, plan }) => ({ list, settings: [...settings], sql, plan: [...plan] })),
    });
  });
