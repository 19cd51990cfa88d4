import { type SQL, sql } from "drizzle-orm";

/** The distance function of a collection. Distances are those that Chroma reports, see `distance`. */
export type Metric = "cosine" | "l2" | "ip";

export const METRICS: readonly Metric[] = ["cosine", "l2", "ip"];

/**
 * The expression that orders rows by distance to a vector, nearest first. An index only serves the bare operator, ascending.
 * Source: pgvector's README, "Querying".
 */
export function orderByDistance(metric: Metric, vector: SQL): SQL {
  switch (metric) {
    case "cosine":
      return sql`embedding <=> ${vector}`;
    case "l2":
      return sql`embedding <-> ${vector}`;
    case "ip":
      return sql`embedding <#> ${vector}`;
  }
}

/**
 * The distance that a caller gets, from the number that pgvector orders by. It is Chroma's distance, so that thresholds for
 * Chroma stay valid: cosine is 1 − cos, l2 is the squared length as in hnswlib, ip is 1 − dot.
 */
export function distance(metric: Metric, order: number): number {
  if (!Number.isFinite(order)) return finiteDistance(metric, order);
  switch (metric) {
    case "cosine":
      return order;
    case "l2":
      return order * order;
    case "ip":
      return 1 + order;
  }
}

/**
 * The largest or smallest distance instead of NaN or infinity, which JSON does not have. Vectors that were stored before they
 * were checked can have such distances: a zero vector under cosine, or one of 1e20, which overflows. Postgres orders NaN last.
 */
function finiteDistance(metric: Metric, order: number): number {
  if (metric === "cosine") return 2;
  return order === Number.NEGATIVE_INFINITY ? -Number.MAX_VALUE : Number.MAX_VALUE;
}

/** The score of a distance: 0 to 1, higher is better. It has the order of the distances, and is comparable within a metric only. */
export function score(metric: Metric, distance: number): number {
  switch (metric) {
    case "cosine":
      return 1 - distance / 2;
    case "l2":
      return 1 / (1 + distance);
    case "ip":
      return 1 / (1 + Math.exp(distance - 1));
  }
}
