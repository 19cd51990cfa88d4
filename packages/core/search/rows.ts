import { type SQL, sql } from "drizzle-orm";
import type { Collection } from "../collection/collection.ts";
import type { Metric } from "../collection/metric.ts";
import type { Database } from "../database/database.ts";
import { encodeText } from "../database/text.ts";
import { encodeVectorArray, isFiniteVector, isZeroVector } from "../database/vector.ts";
import { AppError } from "../error.ts";
import { type EmbeddedQueries, NO_VECTOR } from "./embed-queries.ts";
import type { HitRow } from "./hit.ts";
import { keywordRanges, keywordStatement } from "./keyword.ts";
import { readTarget, type SearchTarget } from "./target.ts";
import { chooseVectorPlan, vectorSettings, vectorStatement } from "./vector.ts";

export type SearchMode = "vector" | "keyword" | "hybrid";

export interface RowSearch extends Partial<EmbeddedQueries> {
  readonly collection: string | undefined;
  readonly mode: SearchMode;
  /** Rows a query and list, at least; more where there is a filter. */
  readonly topK: number;
  readonly matches: SQL | undefined;
  readonly texts: readonly string[];
}

/** For each query the rows nearest by vector and those that have most of its words; a mode leaves one list empty. */
export interface Found {
  readonly metric: Metric;
  readonly vector: readonly (readonly HitRow[])[];
  readonly keyword: readonly (readonly HitRow[])[];
}

/**
 * Through the collection's indexes; a query that they give too few for, as a filter can make it, is answered exactly.
 * Undefined where the texts were embedded by another model than the collection has by now.
 */
export async function findRows(
  database: Database,
  tenantId: string,
  options: RowSearch,
): Promise<Found | undefined> {
  // A scan that a filter stops early has seen enough only if it has found more than were asked for.
  const search = options.matches ? { ...options, topK: filteredTopK(options.topK) } : options;
  const { vector: type } = await database.vectorTypes();
  const vectors = search.embeddings && encodeVectorArray(search.embeddings, type);
  const count = search.texts.length;
  const read = (list: "vector" | "keyword", only?: readonly number[]) =>
    readTarget(database, tenantId, search.collection, (target) =>
      isOutdated(target, search) ? { statements: [] } : listRead(target, list, { ...search, vectors, only }),
    );
  const { target, rows } = await readTarget(database, tenantId, search.collection, (target) => {
    if (isOutdated(target, search)) return { statements: [] };
    const reads = listsOf(search.mode).map((list) => listRead(target, list, { ...search, vectors }));
    return {
      statements: reads.flatMap(({ statements }) => statements),
      settings: reads.flatMap(({ settings }) => settings ?? []).join(", "),
    };
  });
  if (isOutdated(target, search)) return undefined;
  const found = { metric: target.collection.metric, vector: groups(count), keyword: groups(count) };
  for (const [index, list] of listsOf(search.mode).entries()) {
    fill(found[list], rows[index]);
    const only = found[list].flatMap(({ length }, query) => (length < search.topK ? [query + 1] : []));
    if (only.length === 0 || !mayBeShort(target, list, search)) continue;
    const exact = await read(list, only);
    for (const n of only) found[list][n - 1] = [];
    fill(found[list], exact.rows[0]);
  }
  return found;
}

function filteredTopK(topK: number): number {
  return topK + Math.max(20, Math.ceil(topK / 2));
}

type List = "vector" | "keyword";

function listsOf(mode: SearchMode): readonly List[] {
  return mode === "hybrid" ? ["vector", "keyword"] : [mode];
}

interface ListSearch extends RowSearch {
  readonly vectors: Buffer | undefined;
  /** Exactly, for the queries of these 1-based numbers. */
  readonly only?: readonly number[];
}

function listRead(
  target: SearchTarget,
  list: List,
  search: ListSearch,
): { readonly statements: readonly SQL[]; readonly settings?: string } {
  const { topK, matches, only, vectors, embeddings = [] } = search;
  for (const embedding of embeddings) assertVector(target.collection, embedding);
  const usable = target.collection.dimensions === null ? undefined : vectors;
  if (list === "keyword") {
    const texts = search.texts.map(encodeText);
    const ranges = only ? [] : keywordRanges(target);
    return {
      statements: [keywordStatement(target, ranges, { texts, vectors: usable, topK, matches, only })],
    };
  }
  if (!usable) return { statements: [EMPTY] };
  const plan = only ? ({ kind: "exact" } as const) : chooseVectorPlan(target);
  const asked = { vectors: usable, topK, matches, only };
  return { statements: [vectorStatement(target, plan, asked)], settings: vectorSettings(plan, topK) };
}

/** The answer of a collection that has no vector yet. */
const EMPTY = sql`SELECT WHERE false`;

/** Whether an index may have given fewer rows than match: of vectors always; of words only where a filter took some. */
function mayBeShort(target: SearchTarget, list: List, { matches }: RowSearch): boolean {
  return list === "vector"
    ? chooseVectorPlan(target).kind === "index"
    : matches !== undefined && keywordRanges(target).length > 0;
}

/** The texts were embedded by another model, or before the collection had dimensions. */
function isOutdated({ collection }: SearchTarget, { model, embeddings = [] }: RowSearch): boolean {
  if (model === undefined) return false;
  return (
    collection.embeddingModel !== model || (collection.dimensions !== null && embeddings.includes(NO_VECTOR))
  );
}

function groups(queries: number): HitRow[][] {
  return Array.from({ length: queries }, () => []);
}

function fill(groups: readonly HitRow[][], rows: readonly object[] = []): void {
  for (const row of rows as readonly HitRow[]) groups[row.n - 1]?.push(row);
}

function assertVector(collection: Collection, vector: Float32Array): void {
  if (vector === NO_VECTOR || collection.dimensions === null) return;
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
