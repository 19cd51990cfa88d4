import { type SQL, sql } from "drizzle-orm";
import { type Collection, inCollection } from "../collection/collection.ts";
import { castVector, indexedDistance } from "../index/expression.ts";
import type { IndexedRange } from "../index/indexed-range.ts";
import { orderByDistance } from "../index/metric.ts";
import { segmentCondition } from "../index/segments.ts";
import type { IndexBranch } from "./plan.ts";

/** The columns of a hit that every search reads. */
export const HIT_COLUMNS = sql`id, long_id, chunk, content, headings, headings_at, updated_at, metadata, uri, sequence`;

/** The order of rows at the same distance: the order in which they were added. */
export const TIE_ORDER = sql`sequence NULLS FIRST, id, chunk`;

/**
 * The candidates of an index branch, re-ranked in full precision, so distances are exact for every index. OFFSET 0 prevents
 * Postgres from merging the subquery with the count of its rows, which would copy each vector (a quarter of a search).
 */
export function rerankedRows(collection: Collection, branch: IndexBranch, conditions: RowConditions): SQL {
  return sql`
    SELECT ${HIT_COLUMNS}, ${orderByDistance(collection.metric, sql`q.v`)} AS "order", branch, is_near
    FROM (${candidateRows(collection, branch, conditions)}) AS candidates OFFSET 0`;
}

/** Which rows of an index are read, and which of these are candidates. Default: all. */
interface RowConditions {
  /** A condition that does not depend on the row: whether the index is read. */
  readonly reads?: SQL;
  /** The caller's filters. */
  readonly matches?: SQL;
}

/** The rows to re-rank: the nearest of all indexes by the distance in the index's precision. */
function candidateRows(
  collection: Collection,
  { scans, candidates, rerank }: IndexBranch,
  { reads = sql`true`, matches = sql`true` }: RowConditions = {},
): SQL {
  const nearest = scans.map(({ index, ordinal, filtered }) => {
    const distance = sql.raw(indexedDistance(collection, index.plan));
    const rows = (condition: SQL, limit: number) => sql`
      SELECT ${HIT_COLUMNS}, embedding, ${distance} AS distance, ${sql.raw(String(ordinal))} AS branch, true AS is_near
      FROM cairn.documents
      WHERE ${inCollection(collection)} AND ${sql.raw(segmentCondition(index, index.plan))} AND embedding IS NOT NULL AND ${reads}
        AND ${condition}
      ORDER BY ${distance} LIMIT ${limit}::int`;
    if (!filtered) return sql`(${rows(matches, candidates)})`;
    // The scan ends when enough rows match.
    return sql`(
      SELECT ${HIT_COLUMNS}, embedding, distance, branch, place <= ${filtered.near}::int AS is_near
      FROM (SELECT *, row_number() OVER () AS place FROM (${rows(sql`true`, filtered.rows)}) AS nearest) AS numbered
      WHERE ${matches} LIMIT ${candidates}::int)`;
  });
  return sql`SELECT * FROM (${sql.join(nearest, sql` UNION ALL `)}) AS nearest ORDER BY distance LIMIT ${rerank}::int`;
}

/**
 * Each vector of `vectors` as `v`, and in each precision of the indexes under the precision's name. It is cast once: a cast for
 * every row of an index scan took a fifth of a search. OFFSET 0 prevents the planner from moving the cast.
 */
export function queryVectors(vectors: SQL, { dimensions }: Collection, indexes: readonly IndexedRange[]): SQL {
  const precisions = new Set(indexes.map(({ plan }) => plan.precision));
  const casts = [...precisions].map(
    (precision) => `, ${castVector("v", precision, dimensions as number)} AS "${precision}"`,
  );
  return sql`SELECT v, n${sql.raw(casts.join(""))} FROM ${vectors} OFFSET 0`;
}

/**
 * For each row that `queried` selects (`row`): its nearest neighbors as a search through an index finds them (`neighbors`,
 * nearest first), their places by the index's distance (`places`; rows of equal distance get the last place among them), and
 * the number of rows that the index returned (`among`).
 */
export function neighborsStatement(
  collection: Collection,
  branch: IndexBranch,
  { queried, nearest = 10 }: { readonly queried: SQL; readonly nearest?: number },
): SQL {
  const rows = sql`(
    SELECT embedding AS v, chunk || ' ' || id AS n FROM cairn.documents WHERE ${inCollection(collection)} AND ${queried}
  ) AS queried`;
  const indexes = branch.scans.map(({ index }) => index);
  return sql`
    SELECT q.n AS row, array_agg(near.chunk || ' ' || near.id ORDER BY near.rank) AS neighbors,
           array_agg(near.place ORDER BY near.rank) AS places, max(near.among) AS among
    FROM (${queryVectors(rows, collection, indexes)}) AS q
    CROSS JOIN LATERAL (
      SELECT id, chunk, (count(*) OVER (ORDER BY distance))::int AS place, (count(*) OVER ())::int AS among,
             row_number() OVER (ORDER BY ${orderByDistance(collection.metric, sql`q.v`)}, id, chunk) AS rank
      FROM (${candidateRows(collection, branch)}) AS candidates
      ORDER BY rank LIMIT ${nearest}::int
    ) AS near
    GROUP BY q.n`;
}
