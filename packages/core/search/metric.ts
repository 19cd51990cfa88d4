import { type SQL, sql } from "drizzle-orm";
import type { Metric } from "../collection/metric.ts";

/**
 * Orders rows by distance to a vector, nearest first. Bare and ascending, or an index cannot serve it.
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
 * What a caller is told, from the number that pgvector orders by: Chroma's own distances, so that thresholds tuned on
 * Chroma stay right. Cosine is 1 − cos; l2 is the squared length, as in hnswlib; ip is 1 − dot.
 */
export function distance(metric: Metric, order: number): number {
  if (!Number.isFinite(order)) return extreme(metric, order);
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
 * Rows from before vectors were checked may have no finite distance: a zero vector has none under cosine, one of 1e20
 * overflows. Postgres orders NaN last, so such a row is as far away as can be; JSON has neither NaN nor infinity.
 */
function extreme(metric: Metric, order: number): number {
  if (metric === "cosine") return 2;
  return order === Number.NEGATIVE_INFINITY ? -Number.MAX_VALUE : Number.MAX_VALUE;
}

/** A distance as a score, 0 to 1, higher is better: it orders as the distance does and compares only within a metric. */
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
