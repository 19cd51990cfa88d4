import { dot, type RecordSet } from "../datasets/records.ts";
import type { FilterCase } from "./cases.ts";

const HITS = 10;

/** Rounding of a distance that is computed in another order. */
const EPSILON = 1e-5;

export interface Truth {
  /** Rows that match the filter. */
  readonly rows: number;
  /** Recall@10 of the results. A hit counts if it matches and is as near as the tenth nearest row. */
  recall(results: readonly (readonly string[])[]): number;
  /** Lowest recall@10 of a query. */
  worst(results: readonly (readonly string[])[]): number;
  /** Rows that the queries should have returned and did not. */
  missing(results: readonly (readonly string[])[]): number;
}

/** The true neighbors, by comparing every matching vector in this process. */
export function computeTruth({ documents, queries }: RecordSet, { matches }: FilterCase): Truth {
  const matching = documents.filter(matches);
  const ids = new Map(matching.map((document) => [document.id, document.embedding]));
  const hits = Math.min(HITS, matching.length);
  const bounds = queries.map((query) => {
    const products = Float64Array.from(matching, ({ embedding }) => dot(embedding, query)).sort();
    return products.at(-hits) ?? Number.POSITIVE_INFINITY;
  });
  const shares = (results: readonly (readonly string[])[]) =>
    queries.map((query, index) => {
      const near = (results[index] ?? []).filter((id) => {
        const vector = ids.get(id);
        return vector !== undefined && dot(vector, query) >= (bounds[index] as number) - EPSILON;
      });
      return hits === 0 ? 1 : Math.min(1, new Set(near).size / hits);
    });
  return {
    rows: matching.length,
    recall: (results) => shares(results).reduce((sum, share) => sum + share, 0) / queries.length,
    worst: (results) => Math.min(...shares(results)),
    missing: (results) =>
      queries.reduce((sum, _, index) => sum + hits - Math.min(hits, results[index]?.length ?? 0), 0),
  };
}
