import type { Collection } from "../collection/collection.ts";
import { collectionEmbedder } from "../collection/embedder.ts";
import type { Database } from "../database/database.ts";
import { encodeVectorArray, isFiniteVector, isZeroVector } from "../database/vector.ts";
import { AppError } from "../error.ts";
import { compileFilters, type FilterInput } from "../filter/input.ts";
import type { Services } from "../services.ts";
import { type Hit, type HitRow, toHit } from "./hit.ts";
import { knownTarget, readTarget, type SearchTarget } from "./target.ts";
import {
  chooseVectorPlan,
  type VectorPlan,
  type VectorSearch,
  vectorSettings,
  vectorStatement,
} from "./vector.ts";

/** What to look for: a text, embedded by the collection's model, or a vector of `collection.dimensions` finite numbers. */
export type Wanted =
  | { readonly text: string; readonly embedding?: undefined }
  | { readonly embedding: Float32Array; readonly text?: undefined };

export interface SearchOptions extends FilterInput {
  /** Default `knowledge`. */
  readonly collection?: string;
  /** Hits at most, 1 to 1,000. Default 10. */
  readonly topK?: number;
  /** Leaves out what is farther away, in the metric's own distance. */
  readonly maxDistance?: number;
  readonly signal?: AbortSignal;
}

export interface QueryOptions extends SearchOptions {
  readonly text?: string;
  readonly embedding?: Float32Array;
}

/**
 * The nearest passages of one tenant's collection, nearest first: never fewer than exist and match.
 * Throws `not_found`, `invalid_input`, `invalid_filter`, `dimension_mismatch`, `embedder_unavailable`.
 */
export async function query(
  services: Services,
  tenantId: string,
  { text, embedding, ...options }: QueryOptions,
): Promise<readonly Hit[]> {
  const [hits] = await queryMany(services, tenantId, {
    ...options,
    queries: [{ text, embedding } as Wanted],
  });
  return hits ?? [];
}

export interface QueryManyOptions extends SearchOptions {
  /** 1 to 100. */
  readonly queries: readonly Wanted[];
}

/** `query` for many at once, in one call to the model and one to the database; the hits of each, in their order. */
export async function queryMany(
  services: Services,
  tenantId: string,
  options: QueryManyOptions,
): Promise<readonly (readonly Hit[])[]> {
  const { topK = 10, queries } = options;
  validate(topK, queries);
  const matches = compileFilters(options); // before a text is paid for
  const { vector } = await services.database.vectorTypes();
  for (;;) {
    const embedded = await embedQueries(services, tenantId, options);
    const vectors = encodeVectorArray(embedded.embeddings, vector);
    const found = await searchVectors(services.database, tenantId, {
      ...embedded,
      collection: options.collection,
      search: { topK, matches, vectors },
    });
    if (found) return found.map((hits) => hits.filter(isNear(options.maxDistance)));
  }
}

function isNear(most = Number.POSITIVE_INFINITY): (hit: Hit) => boolean {
  return ({ distance }) => distance <= most;
}

function validate(topK: number, queries: readonly Wanted[]): void {
  if (!(Number.isInteger(topK) && topK >= 1 && topK <= 1000))
    throw new AppError("invalid_input", `top_k must be a whole number from 1 to 1,000, not ${topK}.`, {
      path: "top_k",
    });
  if (queries.length < 1 || queries.length > 100)
    throw new AppError("invalid_input", `One call takes 1 to 100 queries, not ${queries.length}.`, {
      path: "queries",
    });
  for (const { text, embedding } of queries) {
    if ((text === undefined) === (embedding === undefined))
      throw new AppError("invalid_input", "Give either the text to look for or its embedding.", {
        path: "query",
      });
    if (text?.trim() === "")
      throw new AppError("invalid_input", "The text to look for is empty.", { path: "query" });
  }
}

interface Embedded {
  readonly embeddings: readonly Float32Array[];
  /** The model that embedded the texts; undefined where there was none. */
  readonly model?: string | null;
}

/** A vector a query: the given ones, and one for each text by the collection's model. */
async function embedQueries(
  services: Services,
  tenantId: string,
  { queries, collection: name, signal }: QueryManyOptions,
): Promise<Embedded> {
  const texts = queries.flatMap(({ text }) => (text === undefined ? [] : [text]));
  if (texts.length === 0) return { embeddings: queries.map(({ embedding }) => embedding as Float32Array) };
  const { collection } = await knownTarget(services.database, tenantId, name);
  const { dimensions, embeddingModel: model } = collection;
  const embedder = collectionEmbedder(services, collection);
  const vectors = dimensions === null ? [] : await embedder.embed(texts, { dimensions, signal });
  const rest = vectors.values();
  return { embeddings: queries.map(({ embedding }) => embedding ?? rest.next().value ?? NO_VECTOR), model };
}

const NO_VECTOR = new Float32Array();

interface VectorQueries extends Embedded {
  readonly collection: string | undefined;
  readonly search: VectorSearch;
}

/**
 * Undefined where the texts were embedded by another model than the collection has by now. Through the collection's
 * indexes; a query that they give too few for, as a filter can make it, is answered exactly.
 */
async function searchVectors(
  database: Database,
  tenantId: string,
  { collection: name, embeddings, model, search }: VectorQueries,
): Promise<readonly (readonly Hit[])[] | undefined> {
  let indexed = false;
  const isOutdated = ({ collection }: SearchTarget) =>
    model !== undefined &&
    (collection.embeddingModel !== model ||
      (collection.dimensions !== null && embeddings.includes(NO_VECTOR)));
  const read = (search: VectorSearch, choose: (target: SearchTarget) => VectorPlan) =>
    readTarget(database, tenantId, name, (target) => {
      if (target.collection.dimensions === null || isOutdated(target)) return { statements: [] };
      for (const embedding of embeddings) assertVector(target.collection, embedding);
      const plan = choose(target);
      indexed = plan.kind === "index";
      return {
        statements: [vectorStatement(target, plan, search)],
        settings: vectorSettings(plan, search.topK),
      };
    });
  const { target, rows } = await read(search, chooseVectorPlan);
  if (isOutdated(target)) return undefined;
  const found = groupRows(rows[0], embeddings.length);
  const short = found.flatMap(({ length }, index) => (length < search.topK ? [index + 1] : []));
  if (indexed && short.length > 0) {
    const { rows } = await read({ ...search, only: short }, () => ({ kind: "exact" }));
    const exact = groupRows(rows[0], embeddings.length);
    for (const n of short) found[n - 1] = exact[n - 1] ?? [];
  }
  return found.map((rows) => rows.map((row) => toHit(target.collection.metric, row)));
}

function groupRows(rows: readonly object[] = [], queries: number): (readonly HitRow[])[] {
  const groups = Array.from({ length: queries }, (): HitRow[] => []);
  for (const row of rows as readonly HitRow[]) groups[row.n - 1]?.push(row);
  return groups;
}

function assertVector(collection: Collection, vector: Float32Array): void {
  if (vector.length !== collection.dimensions)
    throw new AppError(
      "dimension_mismatch",
      `Collection ${JSON.stringify(collection.name)} holds vectors of ${collection.dimensions} dimensions; the query's has ${vector.length}.`,
      { path: "query_embedding" },
    );
  if (!isFiniteVector(vector))
    throw new AppError("invalid_input", "The query's vector has an element that is not a finite number.", {
      path: "query_embedding",
    });
  if (collection.metric === "cosine" && isZeroVector(vector))
    throw new AppError(
      "invalid_input",
      "The query's vector is all zeros, which has no direction to compare.",
      { path: "query_embedding" },
    );
}
