import { recordLatency } from "../collection/latency.ts";
import { AppError } from "../error.ts";
import { type FilterInput, searchFilter } from "../filter/input.ts";
import { scanText } from "../filter/text-scan.ts";
import type { Services } from "../services.ts";
import { embedQueries, type Wanted } from "./embed-queries.ts";
import { fuse } from "./fusion.ts";
import { type Hit, toHit } from "./hit.ts";
import type { PathOf, SearchMode } from "./reads.ts";
import { type Found, findRows } from "./rows.ts";

export interface SearchOptions extends FilterInput {
  /** Default `knowledge`. */
  readonly collection?: string;
  /** Hits at most, 1 to 1,000. Default 10. */
  readonly topK?: number;
  /**
   * By meaning (`vector`, the default), by the words of the text (`keyword`), or both, fused by reciprocal rank
   * (`hybrid`).
   */
  readonly mode?: SearchMode;
  /** Leaves out what is farther away, in the metric's own distance. Not with `keyword`. */
  readonly maxDistance?: number;
  readonly signal?: AbortSignal;
}

export type QueryOptions = SearchOptions & Wanted;

/**
 * The nearest passages of one tenant's collection, nearest first: never fewer than exist and match.
 * Throws `not_found`, `invalid_input`, `invalid_filter`, `dimension_mismatch`, `embedder_unavailable`.
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
  readonly queries: readonly Wanted[];
}

/** `query` for many at once, in one call to the model and one to the database; the hits of each, in their order. */
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
  const filter = searchFilter(options); // before a text is paid for
  const texts = queries.map(({ text }) => text ?? "");
  for (;;) {
    const embedded = mode === "keyword" ? undefined : await embedQueries(services, tenantId, options);
    const started = performance.now();
    const wanted = { collection: options.collection, mode, topK, ...filter, texts, pathOf, ...embedded };
    const found = await scanText(filter?.readsText === true, (settings) =>
      findRows(services.database, tenantId, { ...wanted, settings }),
    );
    if (!found) continue; // another model since the texts were embedded
    recordLatency(services.database, found.collectionId, performance.now() - started);
    const isNear = ({ distance }: Hit) =>
      maxDistance === undefined || (distance !== null && distance <= maxDistance);
    return queries.map((_, index) => rank(found, index, mode).filter(isNear).slice(0, topK));
  }
}

/** The hits of one query, best first. */
function rank({ metric, vector, keyword }: Found, index: number, mode: SearchMode): readonly Hit[] {
  const near = (vector[index] ?? []).map((row) => toHit(metric, row));
  if (mode === "vector") return near;
  const worded = (keyword[index] ?? []).map((row) => ({ ...toHit(metric, row), score: row.share ?? 0 }));
  if (mode === "keyword") return worded.map((hit, place) => ({ ...hit, keywordRank: place + 1 }));
  return fuse([near, worded], ({ id, chunk }) => `${chunk} ${id}`).map(({ item, ranks, score }) => ({
    ...item,
    score,
    vectorRank: ranks[0] ?? null,
    keywordRank: ranks[1] ?? null,
  }));
}

function validate({ topK, mode, queries, maxDistance, pathOf }: LocatedOptions & { topK: number }): void {
  if (!(Number.isInteger(topK) && topK >= 1 && topK <= 1000))
    throw invalid("top_k", `top_k must be a whole number from 1 to 1,000, not ${topK}.`);
  if (mode !== "vector" && mode !== "keyword" && mode !== "hybrid")
    throw invalid("mode", `mode must be vector, keyword or hybrid, not ${JSON.stringify(mode)}.`);
  if (mode === "keyword" && maxDistance !== undefined)
    throw invalid(
      "max_distance",
      "A search by words has no distance: leave max_distance out, or use mode hybrid.",
    );
  if (queries.length < 1 || queries.length > 100)
    throw invalid("queries", `One call takes 1 to 100 queries, not ${queries.length}.`);
  for (const [index, { text, embedding }] of queries.entries()) {
    if (mode === "vector" && (text === undefined) === (embedding === undefined))
      throw invalid(pathOf(index, "query"), "Give either the text to look for or its embedding.");
    if (mode !== "vector" && text === undefined)
      throw invalid(pathOf(index, "query"), `Give the text to look for: mode ${mode} compares words.`);
    if (mode === "keyword" && embedding !== undefined)
      throw invalid(
        pathOf(index, "query_embedding"),
        "A search by words has no use for an embedding: leave it out, or use mode hybrid.",
      );
    if (text?.trim() === "") throw invalid(pathOf(index, "query"), "The text to look for is empty.");
  }
}

function invalid(path: string, message: string): AppError {
  return new AppError("invalid_input", message, { path });
}
