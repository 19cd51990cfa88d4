import { recordLatency } from "../collection/latency.ts";
import { MAX_RESPONSE_BYTES } from "../document/response-size.ts";
import { searchFilter } from "../filter/input.ts";
import { scanText } from "../filter/text-scan.ts";
import { candidatesOf, requireReranker } from "../rerank/reranker.ts";
import type { Services } from "../services.ts";
import { embedQueries } from "./embed-queries.ts";
import type { Hit } from "./hit.ts";
import { HIT_FIELDS } from "./output.ts";
import { rankRows } from "./rank.ts";
import { findRows } from "./rows.ts";
import type { LocatedOptions, QueryManyOptions, QueryOptions, QueryResult } from "./search-options.ts";
import { toHits } from "./to-hits.ts";
import { validateSearch } from "./validate-search.ts";

export type { GroupBy, QueryManyOptions, QueryOptions, QueryResult, SearchOptions } from "./search-options.ts";

/**
 * The best passages of a tenant's collection, best first: never fewer than exist and match, unless `expand` joins some.
 * Throws `not_found`, `invalid_input`, `invalid_filter`, `dimension_mismatch`, `embedder_unavailable`, `response_too_large`,
 * `rerank_not_configured`, `rerank_misconfigured`.
 */
export async function query(services: Services, tenantId: string, options: QueryOptions): Promise<readonly Hit[]> {
  const { hits } = await queryResult(services, tenantId, options);
  return hits;
}

/** The hits of `query`, and what the rerank model did. */
export async function queryResult(
  services: Services,
  tenantId: string,
  { text, embedding, ...options }: QueryOptions,
): Promise<QueryResult> {
  const queries = [{ text, embedding }];
  const [result] = await search(services, tenantId, { ...options, queries, pathOf: (_, field) => field });
  return result ?? { hits: [] };
}

/** Runs many queries in one call to the model and one to the database. Returns the hits of each query, in order. */
export async function queryMany(
  services: Services,
  tenantId: string,
  options: QueryManyOptions,
): Promise<readonly (readonly Hit[])[]> {
  const results = await queryManyResults(services, tenantId, options);
  return results.map(({ hits }) => hits);
}

/** The results of `queryMany`, and what the rerank model did for each query. */
export function queryManyResults(
  services: Services,
  tenantId: string,
  options: QueryManyOptions,
): Promise<readonly QueryResult[]> {
  return search(services, tenantId, { ...options, pathOf: (index, field) => `queries[${index}].${field}` });
}

async function search(services: Services, tenantId: string, options: LocatedOptions): Promise<readonly QueryResult[]> {
  const { topK = 10, mode = "vector", queries, maxDistance, pathOf, rerank, expand, signal } = options;
  validateSearch({ ...options, topK, mode });
  const filter = searchFilter(options); // throws before a text is embedded
  const reranker = rerank && requireReranker(services.reranker, { topK, rerank });
  const depth = candidatesOf(topK, rerank);
  const texts = queries.map(({ text }) => text ?? "");
  const { include: fields = HIT_FIELDS, maxBytes = MAX_RESPONSE_BYTES } = options;
  // A rerank model reads the content, even if the hits do not have it.
  const output = { fields: rerank && !fields.includes("content") ? [...fields, "content" as const] : fields, maxBytes };
  const grouped = options.groupBy === "document" ? { maxDistance } : undefined;
  for (;;) {
    const embedded = mode === "keyword" ? undefined : await embedQueries(services, tenantId, options);
    const startedAt = performance.now();
    const rowSearch = {
      ...{ collection: options.collection, mode, topK: depth, output, grouped, texts, pathOf, isExact: options.exact },
      ...filter,
      ...embedded,
    };
    const found = await scanText(filter?.readsText === true, (settings) =>
      findRows(services.database, tenantId, { ...rowSearch, settings }),
    );
    if (!found) continue; // the model changed after the texts were embedded
    services.usage?.count({ tenantId, kind: "searches", n: queries.length });
    const { collection } = found;
    if (!options.exact) recordLatency(services.database, collection.id, performance.now() - startedAt);
    const candidates = queries.map((_, index) =>
      rankRows(found, index, { mode, maxDistance, byDocument: grouped !== undefined }).slice(0, depth),
    );
    const shown = { fields, maxBytes, exactNumbers: options.exactNumbers };
    if (!reranker && !expand) {
      const complete = await toHits(services.database, collection, { ranked: candidates, ...shown });
      return complete.map((hits) => ({ hits: hits.map(({ hit }) => hit) }));
    }
    const { arrangeHits } = await import("./arrange-hits.ts"); // most searches do not need it
    return arrangeHits(services.database, collection, { candidates, topK, texts, reranker, expand, signal, ...shown });
  }
}
