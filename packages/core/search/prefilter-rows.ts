import { type SQL, sql } from "drizzle-orm";
import { type Collection, inCollection } from "../collection/collection.ts";
import { uuidLiteral } from "../database/transaction.ts";
import { orderByDistance } from "../index/metric.ts";
import { segmentCondition } from "../index/segments.ts";
import { HIT_COLUMNS, TIE_ORDER } from "./candidates.ts";
import type { Prefilter } from "./plan-prefilters.ts";

/** The WITH clause of a statement: the places of each pre-filter's rows, at most one more than its limit. */
export function prefilterTables({ id }: Collection, prefilters: readonly Prefilter[]): SQL {
  if (prefilters.length === 0) return sql``;
  const tables = prefilters.map((prefilter) => {
    const { conditions, limit } = prefilter;
    const { first, last } = prefilter.range;
    return sql`${tableOf(prefilter)} AS MATERIALIZED (
      SELECT cairn.filtered_rows(${uuidLiteral(id)}, ${conditions}::jsonb, ${first}::int, ${last}::int, ${limit + 1}::int) AS places)`;
  });
  return sql`WITH ${sql.join(tables, sql`, `)}`;
}

/** Whether at most `limit` rows match, so that the pre-filter is used. */
export function isSelective(prefilter: Prefilter): SQL {
  return sql`(SELECT cardinality(places) <= ${prefilter.limit}::int FROM ${tableOf(prefilter)})`;
}

/** The nearest of the pre-filter's rows to `q.v`. OFFSET 0 keeps Postgres from a scan of the vector index. */
export function prefilterRows(
  collection: Collection,
  prefilter: Prefilter,
  { limit, matches = sql`true` }: { readonly limit: number; readonly matches?: SQL },
): SQL {
  const distance = orderByDistance(collection.metric, sql`q.v`);
  return sql`
    SELECT ${HIT_COLUMNS}, ${distance} AS "order", NULL::int AS branch, NULL::boolean AS is_near FROM (
      SELECT ${HIT_COLUMNS}, embedding FROM cairn.documents
      WHERE ${inCollection(collection)} AND ctid = ANY((SELECT places FROM ${tableOf(prefilter)})::tid[])
        AND ${sql.raw(segmentCondition(prefilter.range, prefilter.range.plan))}
        AND embedding IS NOT NULL AND ${matches} AND ${isSelective(prefilter)} OFFSET 0
    ) AS own
    ORDER BY ${distance}, ${TIE_ORDER} LIMIT ${limit}::int`;
}

function tableOf({ range }: Prefilter): SQL {
  return sql.raw(`matching_${Math.trunc(range.first)}`);
}
