import { type SQL, sql } from "drizzle-orm";
import { type Collection, inCollection } from "../collection/collection.ts";
import { type Metric, orderByDistance } from "../index/metric.ts";
import { HIT_COLUMNS } from "./candidates.ts";
import type { Groups } from "./plan.ts";

// Hits grouped by document: the best passage of each. An index orders passages, not documents, so a search reads more passages
// than the requested documents and groups them. If they come from too few documents, it reads more passages, and finally
// compares every row, grouped in SQL: at most two more statements.

/** The best row of each document in `rows`, nearest first, and the number of `rows` (`listed`). */
export function groupRows(rows: SQL, { documents }: Groups): SQL {
  return sql`
    SELECT * FROM (
      SELECT *, row_number() OVER (PARTITION BY id ORDER BY "order", chunk) AS place, (count(*) OVER ())::int AS listed
      FROM (${rows}) AS listed
    ) AS ranked
    WHERE place = 1 ORDER BY "order", id, chunk LIMIT ${documents}::int`;
}

/** The best row of each document, nearest to `q.v` first. Computes the distances of all rows, then reads the best documents. */
export function exhaustiveGroups(
  collection: Collection,
  { documents, matches = sql`true` }: Groups & { readonly matches?: SQL },
): SQL {
  const distance = orderByDistance(collection.metric, sql`q.v`);
  const compared = sql`${inCollection(collection)} AND embedding IS NOT NULL AND ${matches}`;
  return sql`
    SELECT own.*, NULL::int[] AS counts, NULL::int[] AS prefiltered, NULL::int AS listed
    FROM (
      SELECT id AS best_id, min(${distance}) AS best FROM cairn.documents WHERE ${compared}
      GROUP BY id ORDER BY best, best_id LIMIT ${documents}::int
    ) AS nearest
    CROSS JOIN LATERAL (
      SELECT ${HIT_COLUMNS}, ${distance} AS "order" FROM cairn.documents WHERE ${compared} AND id = best_id
      ORDER BY "order", chunk LIMIT 1
    ) AS own`;
}

/**
 * Number of other passages of the document of `near` that match the query `q`: they pass the filters, have a vector, and are
 * within `maxDistance`.
 */
export function othersOf(
  collection: Collection,
  { maxDistance, matches = sql`true` }: Pick<Groups, "maxDistance"> & { readonly matches?: SQL },
): SQL {
  const near = maxDistance === undefined ? sql`` : sql`AND ${distanceOf(collection.metric)} <= ${maxDistance}::float8`;
  return sql`(SELECT count(*)::int FROM cairn.documents
    WHERE ${inCollection(collection)} AND id = near.id AND chunk <> near.chunk AND embedding IS NOT NULL AND ${matches} ${near})`;
}

/** The distance that a caller gets, as `distance` in metric.ts computes it. */
function distanceOf(metric: Metric): SQL {
  const order = sql`(${orderByDistance(metric, sql`q.v`)})`;
  switch (metric) {
    case "cosine":
      return order;
    case "l2":
      return sql`${order} * ${order}`;
    case "ip":
      return sql`1 + ${order}`;
  }
}
