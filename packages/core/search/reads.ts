import { createHash } from "node:crypto";
import { sql } from "drizzle-orm";
import type { Collection } from "../collection/collection.ts";
import { findVectorFault } from "../collection/vector-fault.ts";
import type { Database } from "../database/database.ts";
import { encodeText } from "../database/text.ts";
import { encodeVectorArray } from "../database/vector.ts";
import { AppError, type ErrorCode } from "../error.ts";
import { encodeConditions, type IndexConditions } from "../filter/index-conditions.ts";
import { searchCache } from "./cache.ts";
import type { SearchMode } from "./depth.ts";
import { type EmbeddedQueries, NO_VECTOR, type PathOf } from "./embed-queries.ts";
import { keywordStatement } from "./keyword.ts";
import { type Output, outputKey } from "./output.ts";
import type { List, PlannedRead, PlannedSearch, Retry } from "./plan.ts";
import { planSearch } from "./plan-search.ts";
import type { SearchTarget } from "./target.ts";
import { unusableIndexes } from "./unusable.ts";
import { vectorStatement } from "./vector.ts";

export interface RowSearch extends Partial<EmbeddedQueries>, Omit<PlannedSearch, "isUnselective"> {
  readonly output?: Output;
  /** Whether the filter reads the text of rows, see `scanText`. */
  readonly readsText?: boolean;
  readonly texts: readonly string[];
  /** Default: the name of the field, for a single query. */
  readonly pathOf?: PathOf;
}

export function listsOf(mode: SearchMode): readonly List[] {
  return mode === "hybrid" ? ["vector", "keyword"] : [mode];
}

/** The value of the statements' placeholder `vectors`. `vectorType`: the OID of the type. */
export function vectorsOf({ embeddings = [] }: RowSearch, vectorType: number): { readonly vectors: Buffer } {
  return { vectors: encodeVectorArray(embeddings, vectorType) };
}

/**
 * Plans and statements of a search, one for each list; of a retry, one for its list. Throws `dimension_mismatch`, and
 * `invalid_input` for a vector that the collection cannot compare.
 */
export function planReads(
  database: Database,
  target: SearchTarget,
  search: RowSearch,
  retry?: Retry,
): readonly PlannedRead[] {
  const { embeddings = [], indexed, pathOf = (_, field) => field } = search;
  for (const [index, embedding] of embeddings.entries()) {
    const fault = findFault(target.collection, embedding);
    if (fault) throw new AppError(fault.code, fault.message, { path: pathOf(index, "query_embedding") });
  }
  const cache = searchCache(database);
  const isUnselective = indexed !== undefined && cache.unselectiveFilters.has(filterKey(target, indexed));
  const plannedSearch = { ...search, isUnselective };
  const isFiltered = search.matches !== undefined;
  const excluded = retry?.excluded ?? unusableIndexes(target, embeddings, { isFiltered });
  return (retry ? [retry.list] : listsOf(search.mode)).map((list) => {
    const read = () => planRead(target, plannedSearch, { list, excluded, retry });
    if (list === "keyword" || retry || isFiltered || search.isExact || excluded.size > 0) return read();
    const key = `${search.mode} ${search.topK} ${outputKey(search.output)} ${search.grouped && `grouped ${search.grouped.maxDistance}`}`;
    const cached = cache.reads.get(target);
    if (cached?.key === key) return cached.read;
    const planned = read();
    cache.reads.set(target, { key, read: planned });
    return planned;
  });
}

interface ReadOptions {
  readonly list: List;
  readonly excluded: ReadonlySet<string>;
  readonly retry: Retry | undefined;
}

function planRead(target: SearchTarget, search: RowSearch & PlannedSearch, options: ReadOptions): PlannedRead {
  const plan = planSearch(target, search, options);
  const { matches, output } = search;
  const hasVectors = target.collection.dimensions !== null && search.embeddings !== undefined;
  const vectors = hasVectors ? sql.placeholder("vectors") : undefined;
  if (plan.list === "keyword") {
    const texts = search.texts.map(encodeText);
    const others = search.mode === "hybrid" ? "vector" : "words";
    return { plan, statement: keywordStatement(target, plan, { texts, vectors, matches, output, others }) };
  }
  if (!vectors) return { plan, statement: NO_ROWS };
  return {
    plan,
    statement: vectorStatement(target.collection, plan, { vectors, matches, output }),
  };
}

/** The statement for a collection without vectors. */
const NO_ROWS = sql`SELECT WHERE false`;

/**
 * Caches that a filter matches too many rows for a pre-filter, because counting them takes as long as reading the index. If
 * that has changed since, the vector index returns too few rows, and the retry uses the pre-filter.
 */
export function rememberUnselective(database: Database, target: SearchTarget, indexed: IndexConditions): void {
  searchCache(database).unselectiveFilters.set(filterKey(target, indexed), true);
}

/** The cache key of a filter on a version of a target. */
function filterKey({ collection, version }: SearchTarget, indexed: IndexConditions): string {
  const conditions = encodeConditions(indexed, { hasNumbers: true }) ?? "";
  return `${collection.id} ${version} ${createHash("sha256").update(conditions).digest("base64url")}`;
}

/** Whether the texts were embedded with another model than the collection has now, or before it had dimensions. */
export function isOutdated(
  { collection }: SearchTarget,
  { model, embeddings = [] }: Partial<EmbeddedQueries>,
): boolean {
  if (model === undefined) return false;
  return collection.embeddingModel !== model || (collection.dimensions !== null && embeddings.includes(NO_VECTOR));
}

function findFault(
  { name, dimensions, metric }: Collection,
  vector: Float32Array,
): { readonly code: ErrorCode; readonly message: string } | undefined {
  if (vector === NO_VECTOR || dimensions === null) return undefined;
  if (vector.length !== dimensions)
    return {
      code: "dimension_mismatch",
      message: `The query vector cannot be compared: collection ${JSON.stringify(name)} has vectors of ${dimensions} dimensions, and the query vector has ${vector.length}.`,
    };
  const fault = findVectorFault(vector, metric);
  return fault && { code: "invalid_input", message: `The query vector ${fault.description}.` };
}
