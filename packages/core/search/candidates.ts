import { type SQL, sql } from "drizzle-orm";
import type { Collection } from "../collection/collection.ts";
import { inCollection } from "../document/read.ts";
import { castVector, indexedDistance } from "../index/expression.ts";
import type { IndexedRange } from "../index/indexed-range.ts";
import { segmentCondition } from "../index/segments.ts";
import { orderByDistance } from "./metric.ts";
import type { IndexBranch } from "./plan.ts";

/** The columns of a hit that every search reads. */
export const HIT_COLUMNS = sql`id, long_id, chunk, content, metadata, uri`;

/**
 * The candidates of an index branch, re-ranked by their full vectors: distances are exact whatever the index rounds. OFFSET 0
 * keeps Postgres from merging the subquery with what counts its rows, which would copy each vector (a quarter of a search).
 */
export function rerankedRows(collection: Collection, branch: IndexBranch, matches: SQL | undefined): SQL {
  return sql`
    SELECT ${HIT_COLUMNS}, ${orderByDistance(collection.metric, sql`q.v`)} AS "order", branch
    FROM (${candidateRows(collection, branch, matches)}) AS candidates OFFSET 0`;
}

/** The nearest rows of each index, and of all of them those to re-rank, with the indexes' own distance. */
function candidateRows(
  collection: Collection,
  { scans, candidates, rerank }: IndexBranch,
  matches = sql`true`,
): SQL {
  const nearest = scans.map(({ index, ordinal }) => {
    const distance = sql.raw(indexedDistance(collection, index.plan));
    return sql`(
      SELECT ${HIT_COLUMNS}, embedding, ${distance} AS distance, ${sql.raw(String(ordinal))} AS branch FROM cairn.documents
      WHERE ${inCollection(collection)} AND ${sql.raw(segmentCondition(index, index.plan))} AND embedding IS NOT NULL AND ${matches}
      ORDER BY ${distance} LIMIT ${candidates}::int)`;
  });
  return sql`SELECT * FROM (${sql.join(nearest, sql` UNION ALL `)}) AS nearest ORDER BY distance LIMIT ${rerank}::int`;
}

/**
 * Each vector of `vectors` as `v`, and in each precision of the indexes under its name: cast once, not for every row of an
 * index scan, which took a fifth of a search. OFFSET 0 keeps the planner from moving the cast.
 */
export function queryVectors(
  vectors: SQL,
  { dimensions }: Collection,
  indexes: readonly IndexedRange[],
): SQL {
  const precisions = new Set(indexes.map(({ plan }) => plan.precision));
  const casts = [...precisions].map(
    (precision) => `, ${castVector("v", precision, dimensions as number)} AS "${precision}"`,
  );
  return sql`SELECT v, n${sql.raw(casts.join(""))} FROM ${vectors} OFFSET 0`;
}

/**
 * For each row that `queried` selects, its nearest neighbors as an index returns them to a search (`neighbours`, nearest
 * first), their places by the index's own distance (`places`, ties at their end), and how many rows the index returned
 * (`among`). `row`: which row it is.
 */
export function neighboursStatement(
  collection: Collection,
  branch: IndexBranch,
  { queried, nearest = 10 }: { readonly queried: SQL; readonly nearest?: number },
): SQL {
  const rows = sql`(
    SELECT embedding AS v, chunk || ' ' || id AS n FROM cairn.documents WHERE ${inCollection(collection)} AND ${queried}
  ) AS queried`;
  const indexes = branch.scans.map(({ index }) => index);
  return sql`
    SELECT q.n AS row, array_agg(near.chunk || ' ' || near.id ORDER BY near.rank) AS neighbours,
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
