import type { Collection } from "../collection/collection.ts";
import { recordLatency } from "../collection/latency.ts";
import type { Database } from "../database/database.ts";
import { AppError } from "../error.ts";
import { type FilterInput, searchFilter } from "../filter/input.ts";
import { scanText } from "../filter/text-scan.ts";
import type { Services } from "../services.ts";
import type { SearchMode } from "./depth.ts";
import { embedQueries, type PathOf, type QueryInput } from "./embed-queries.ts";
import { type Hit, toHit } from "./hit.ts";
import { type Fields, type HitField, limitOutput, type Output, readFields, rowKey } from "./output.ts";
import { type RankedRow, rankRows } from "./rank.ts";
import { findRows } from "./rows.ts";

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
  /** Whether every matching row is compared, without vector indexes: for judging their results. Default false. */
  readonly exact?: boolean;
  readonly signal?: AbortSignal;
}

export type GroupBy = "passage" | "document";

/** Default maximum of `topK`. */
const MAX_TOP_K = 1_000;

export type QueryOptions = SearchOptions & QueryInput;

/**
 * The best passages of a tenant's collection, best first: never fewer than exist and match.
 * Throws `not_found`, `invalid_input`, `invalid_filter`, `dimension_mismatch`, `embedder_unavailable`, `response_too_large`.
 */
export async function query(
  services: Services,
  tenantId: string,
  { text, embedding, ...options }: QueryOptions,
): Promise<readonly Hit[]> {
  const queries = [{ text, embedding }];
  const [hits] = await search(services, tenantId, { ...options, queries, pathOf: (_, field) => field });
  return hits ?? [];
}

export interface QueryManyOptions extends SearchOptions {
  /** 1 to 100. */
  readonly queries: readonly QueryInput[];
}

/** Runs many queries in one call to the model and one to the database. Returns the hits of each query, in order. */
export function queryMany(
  services: Services,
  tenantId: string,
  options: QueryManyOptions,
): Promise<readonly (readonly Hit[])[]> {
  return search(services, tenantId, { ...options, pathOf: (index, field) => `queries[${index}].${field}` });
}

interface LocatedOptions extends QueryManyOptions {
  readonly pathOf: PathOf;
}

async function search(
  services: Services,
  tenantId: string,
  options: LocatedOptions,
): Promise<readonly (readonly Hit[])[]> {
  const { topK = 10, mode = "vector", queries, maxDistance, pathOf } = options;
  validate({ ...options, topK, mode });
  const filter = searchFilter(options); // throws before a text is embedded
  const texts = queries.map(({ text }) => text ?? "");
  const output = { fields: options.include, maxBytes: options.maxBytes };
  const grouped = options.groupBy === "document" ? { maxDistance } : undefined;
  for (;;) {
    const embedded = mode === "keyword" ? undefined : await embedQueries(services, tenantId, options);
    const startedAt = performance.now();
    const rowSearch = {
      ...{ collection: options.collection, mode, topK, output, grouped, texts, pathOf, isExact: options.exact },
      ...filter,
      ...embedded,
    };
    const found = await scanText(filter?.readsText === true, (settings) =>
      findRows(services.database, tenantId, { ...rowSearch, settings }),
    );
    if (!found) continue; // the model changed after the texts were embedded
    if (!options.exact) recordLatency(services.database, found.collection.id, performance.now() - startedAt);
    const ranked = queries.map((_, index) =>
      rankRows(found, index, { mode, maxDistance, byDocument: grouped !== undefined }).slice(0, topK),
    );
    return toHits(services.database, found.collection, { ranked, ...output, exactNumbers: options.exactNumbers });
  }
}

interface Outcome extends Output {
  readonly ranked: readonly (readonly RankedRow[])[];
  readonly exactNumbers: boolean | undefined;
}

/** The hits with their fields. Incomplete rows need one more statement. Throws `response_too_large`. */
async function toHits(
  database: Database,
  collection: Collection,
  { ranked, exactNumbers, ...output }: Outcome,
): Promise<readonly (readonly Hit[])[]> {
  const rows = ranked.flatMap((hits) => hits.map(({ row }) => row));
  limitOutput(collection, rows, output);
  const missing = rows.filter(({ complete }) => !complete);
  const read = missing.length > 0 ? await readFields(database, collection, { rows: missing, ...output }) : undefined;
  const results: Hit[][] = [];
  let sliceStart = performance.now();
  for (const hits of ranked) {
    results.push(
      hits.flatMap(({ row, ...ranking }) => {
        const fields = row.complete ? row : read?.get(rowKey(row));
        return fields
          ? [{ ...toHit(collection.metric, { ...row, ...pickFields(fields) }, { exactNumbers }), ...ranking }]
          : []; // undefined: deleted meanwhile
      }),
    );
    if (performance.now() - sliceStart < YIELD_MS) continue;
    await new Promise((resolve) => setTimeout(resolve, 0)); // yield to other requests
    sliceStart = performance.now();
  }
  return results;
}

/** Milliseconds after which a long conversion yields to other requests. */
const YIELD_MS = 20;

function pickFields({ content, headings, metadata, uri, embedding }: Fields): Fields {
  return { content, headings, metadata, uri, embedding };
}

function validate(options: LocatedOptions & { topK: number }): void {
  const { topK, maxTopK = MAX_TOP_K, mode, queries, maxDistance, pathOf } = options;
  const maxHits = 10 * maxTopK;
  if (!(Number.isInteger(topK) && topK >= 1 && topK <= maxTopK))
    throw invalid("top_k", `top_k must be a whole number from 1 to ${maxTopK.toLocaleString("en")}, not ${topK}.`);
  if (mode !== "vector" && mode !== "keyword" && mode !== "hybrid")
    throw invalid("mode", `mode must be vector, keyword or hybrid, not ${JSON.stringify(mode)}.`);
  if (mode === "keyword" && maxDistance !== undefined)
    throw invalid(
      "max_distance",
      "max_distance cannot be used with mode keyword, which has no distances. Omit max_distance, or use mode hybrid.",
    );
  if (queries.length < 1 || queries.length > 100)
    throw invalid("queries", `A request must have 1 to 100 queries, not ${queries.length}.`);
  if (queries.length * topK > maxHits)
    throw invalid(
      "top_k",
      `A request returns at most ${maxHits} hits: ${queries.length} queries allow a top_k of ${Math.floor(maxHits / queries.length)}, not ${topK}. Lower top_k or send fewer queries.`,
    );
  for (const [index, { text, embedding }] of queries.entries()) {
    if (mode === "vector" && (text === undefined) === (embedding === undefined))
      throw invalid(pathOf(index, "query"), "A query must have either a text or an embedding. Give one of them.");
    if (mode !== "vector" && text === undefined)
      throw invalid(
        pathOf(index, "query"),
        `A query must have a text in mode ${mode}, which compares words. Give the text.`,
      );
    if (mode === "keyword" && embedding !== undefined)
      throw invalid(
        pathOf(index, "query_embedding"),
        "An embedding cannot be used with mode keyword. Omit it, or use mode hybrid.",
      );
    if (text?.trim() === "")
      throw invalid(pathOf(index, "query"), "The query text is empty. Give a text with at least one word.");
  }
}

function invalid(path: string, message: string): AppError {
  return new AppError("invalid_input", message, { path });
}
