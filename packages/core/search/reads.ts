import { type SQL, sql } from "drizzle-orm";
import type { Collection } from "../collection/collection.ts";
import type { Settings } from "../database/settings.ts";
import { encodeText } from "../database/text.ts";
import { encodeVectorArray, isFiniteVector, isZeroVector } from "../database/vector.ts";
import { AppError } from "../error.ts";
import { type EmbeddedQueries, NO_VECTOR } from "./embed-queries.ts";
import { keywordRanges, keywordStatement } from "./keyword.ts";
import type { SearchTarget } from "./target.ts";
import { chooseVectorPlan, vectorSettings, vectorStatement } from "./vector.ts";

export type SearchMode = "vector" | "keyword" | "hybrid";

/** A list of rows by one measure; hybrid search fuses two. */
export type List = "vector" | "keyword";

export interface RowSearch extends Partial<EmbeddedQueries> {
  readonly mode: SearchMode;
  /** Hits a query. */
  readonly topK: number;
  readonly matches: SQL | undefined;
  readonly texts: readonly string[];
}

export interface ListRead {
  readonly list: List;
  readonly statement: SQL;
  /** They travel with it. */
  readonly settings?: Settings;
}

export function listsOf(mode: SearchMode): readonly List[] {
  return mode === "hybrid" ? ["vector", "keyword"] : [mode];
}

/** Hits of each list that are fused at least: what is far down in one may be first in the other. */
const FUSED = 50;

/**
 * Rows that each list should have. With a filter more than asked for: a scan that it stops early has seen enough only
 * if it found more.
 */
export function listDepth({ mode, topK, matches }: Pick<RowSearch, "mode" | "topK" | "matches">): number {
  const depth = mode === "hybrid" ? Math.min(1_000, Math.max(FUSED, 3 * topK)) : topK;
  return matches ? depth + Math.max(20, Math.ceil(depth / 2)) : depth;
}

/**
 * The statements of a search on a collection as it is known, one a list; `only`: those 1-based queries, exactly.
 * Throws `dimension_mismatch`, `invalid_input` for a vector that the collection cannot be asked for.
 */
export function listReads(
  target: SearchTarget,
  search: RowSearch,
  {
    vectorType,
    lists = listsOf(search.mode),
    only,
  }: {
    /** Type id of vector. */
    readonly vectorType: number;
    readonly lists?: readonly List[];
    readonly only?: readonly number[];
  },
): readonly ListRead[] {
  const { embeddings, matches } = search;
  for (const embedding of embeddings ?? []) assertVector(target.collection, embedding);
  const vectors =
    target.collection.dimensions === null || !embeddings
      ? undefined
      : encodeVectorArray(embeddings, vectorType);
  const asked = { vectors, topK: listDepth(search), matches, only };
  return lists.map((list) => {
    if (list === "keyword") {
      const texts = search.texts.map(encodeText);
      return {
        list,
        statement: keywordStatement(target, only ? [] : keywordRanges(target), { ...asked, texts }),
      };
    }
    if (!vectors) return { list, statement: EMPTY };
    const plan = only ? ({ kind: "exact" } as const) : chooseVectorPlan(target);
    return {
      list,
      statement: vectorStatement(target, plan, { ...asked, vectors }),
      settings: vectorSettings(plan, asked.topK),
    };
  });
}

/** The answer of a collection that has no vector yet. */
const EMPTY = sql`SELECT WHERE false`;

/** Whether an index may have given fewer rows than match: of vectors always; of words only where a filter took some. */
export function mayBeShort(target: SearchTarget, list: List, matches: SQL | undefined): boolean {
  return list === "vector"
    ? chooseVectorPlan(target).kind === "index"
    : matches !== undefined && keywordRanges(target).length > 0;
}

/** The texts were embedded by another model than the collection has by now, or before it had dimensions. */
export function isOutdated(
  { collection }: SearchTarget,
  { model, embeddings = [] }: Partial<EmbeddedQueries>,
): boolean {
  if (model === undefined) return false;
  return (
    collection.embeddingModel !== model || (collection.dimensions !== null && embeddings.includes(NO_VECTOR))
  );
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
