import { recordLatency } from "../collection/latency.ts";
import { MAX_RESPONSE_BYTES } from "../document/response-size.ts";
import { type FilterInput, searchFilter } from "../filter/input.ts";
import { scanText } from "../filter/text-scan.ts";
import { candidatesOf, type RerankOutcome, type RerankRequest, requireReranker } from "../rerank/reranker.ts";
import type { Services } from "../services.ts";
import type { SearchMode } from "./depth.ts";
import { embedQueries, type PathOf, type QueryInput } from "./embed-queries.ts";
import type { expandHits } from "./expand.ts";
import type { Expansion } from "./expansion.ts";
import type { Hit } from "./hit.ts";
import { HIT_FIELDS, type HitField } from "./output.ts";
import { rankRows } from "./rank.ts";
import type { rerankRows } from "./rerank-rows.ts";
import { findRows } from "./rows.ts";
import { toHits } from "./to-hits.ts";
import { validateSearch } from "./validate-search.ts";

export interface SearchOptions extends FilterInput {
  /** Default `knowledge`. */
  readonly collection?: string;
  /** Maximum hits, 1 to 1,000. Default 10. */
  readonly topK?: number;
  /** `vector` (default), `keyword` (full-text search), or `hybrid` (both, fused by reciprocal rank). */
  readonly mode?: SearchMode;
  /** Maximum distance of a hit, in the collection's metric. Not with `keyword`. */
  readonly maxDistance?: number;
  /** `document`: the best passage of each document, and the number of its other matching passages. Default `passage`. */
  readonly groupBy?: GroupBy;
  /** Fields of a hit. Other fields are null, empty or missing and are not read. Default: all but the embedding. */
  readonly include?: readonly HitField[];
  /** Maximum bytes of these fields in all hits. Default `MAX_RESPONSE_BYTES`. */
  readonly maxBytes?: number;
  /** Whether numbers in metadata keep their notation: 1.0, as a raw number, stays distinct from 1. Default false. */
  readonly exactNumbers?: boolean;
  /** Maximum of `topK`, and ten times it of all queries together. Default 1,000. Beyond 1,000, rows are compared one by one. */
  readonly maxTopK?: number;
  /** Orders the best rows by a rerank model. Needs a text. Default: by the search alone. */
  readonly rerank?: RerankRequest;
  /** Returns the text around each passage, too. Default: the passage. */
  readonly expand?: Expansion;
  /** Whether every matching row is compared, without vector indexes: for judging their results. Default false. */
  readonly exact?: boolean;
  readonly signal?: AbortSignal;
}

export type GroupBy = "passage" | "document";

export type QueryOptions = SearchOptions & QueryInput;

/** The hits of a query, and what the rerank model did if one was requested. */
export interface QueryResult {
  readonly hits: readonly Hit[];
  readonly rerank?: RerankOutcome;
}

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

export interface QueryManyOptions extends SearchOptions {
  /** 1 to 100. */
  readonly queries: readonly QueryInput[];
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

export interface LocatedOptions extends QueryManyOptions {
  readonly pathOf: PathOf;
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
    const reranked =
      reranker && (await rerankCandidates(services, collection, { reranker, texts, candidates, maxBytes, signal }));
    const ranked = (reranked?.map(({ rows }) => rows) ?? candidates).map((rows) => rows.slice(0, topK));
    const { exactNumbers } = options;
    const complete = await toHits(services.database, collection, { ranked, fields, maxBytes, exactNumbers });
    const hits = expand
      ? await expandFound(services.database, collection, { expand, found: complete, maxBytes })
      : complete.map((own) => own.map(({ hit }) => hit));
    return hits.map((own, index) => ({ hits: own, ...(reranked && { rerank: reranked[index]?.outcome }) }));
  }
}

/** Imported on first use: most searches need neither. */
async function rerankCandidates(...args: Parameters<typeof rerankRows>): ReturnType<typeof rerankRows> {
  const rerank = await import("./rerank-rows.ts");
  return rerank.rerankRows(...args);
}

async function expandFound(...args: Parameters<typeof expandHits>): ReturnType<typeof expandHits> {
  const expand = await import("./expand.ts");
  return expand.expandHits(...args);
}
