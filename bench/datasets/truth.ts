import type { Metric } from "@cairn/core/index/metric.ts";
import type { FilterCase } from "./filter-cases.ts";
import { dot, type RecordSet } from "./records.ts";

/** Rounding of a distance that is computed in single precision and in another order, as a share of it. */
const EPSILON = 1e-5;

/** The true distances of each query to every document, computed in this process. */
export interface Distances extends Pick<RecordSet, "documents"> {
  readonly queries: readonly Float64Array[];
}

export interface Truth {
  /** Rows that match the filter. */
  readonly rows: number;
  /** Recall of the results. A hit counts if it matches and is as near as the last of the nearest rows. */
  recall(results: readonly (readonly string[])[]): number;
  /** Lowest recall of a query. */
  worst(results: readonly (readonly string[])[]): number;
  /** Rows that the queries should have returned and did not. */
  missing(results: readonly (readonly string[])[]): number;
}

/** Compares each query with every document. */
export function computeDistances({ documents, queries }: RecordSet, metric: Metric = "cosine"): Distances {
  const lengths = documents.map(({ embedding }) => Math.sqrt(dot(embedding, embedding)));
  return {
    documents,
    queries: queries.map((query) => {
      const square = dot(query, query);
      return Float64Array.from(documents, ({ embedding }, index) => {
        const product = dot(embedding, query);
        const length = lengths[index] as number;
        if (metric === "ip") return -product;
        return metric === "l2" ? length ** 2 + square - 2 * product : 1 - product / (length * Math.sqrt(square));
      });
    }),
  };
}

/** The true neighbors among the rows that match a filter. */
export function computeTruth({ documents, queries }: Distances, { matches }: FilterCase, topK = 10): Truth {
  const matching = documents.flatMap((document, index) => (matches(document) ? [index] : []));
  const indexOf = new Map(matching.map((index) => [documents[index]?.id, index]));
  const hits = Math.min(topK, matching.length);
  const bounds = queries.map((distances) => {
    const last = Float64Array.from(matching, (index) => distances[index] as number).sort()[hits - 1] ?? 0;
    return last + EPSILON * Math.max(1, Math.abs(last));
  });
  const shares = (results: readonly (readonly string[])[]) =>
    queries.map((distances, query) => {
      const near = (results[query] ?? []).filter((id) => {
        const index = indexOf.get(id);
        return index !== undefined && (distances[index] as number) <= (bounds[query] as number);
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
