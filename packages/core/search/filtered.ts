import { type SQL, sql } from "drizzle-orm";
import type { Collection } from "../collection/collection.ts";
import { uuidLiteral } from "../database/transaction.ts";
import { inCollection } from "../document/read.ts";
import { HIT_COLUMNS } from "./candidates.ts";
import { orderByDistance } from "./metric.ts";
import type { IndexedRange, SearchTarget } from "./target.ts";

// The rows that a filter lets through, found by the index of the metadata and compared one by one: 3 µs each, where a look
// at every row takes 1.2 µs for each that there is.

/** Segments of which an index of the metadata tells the rows. */
export interface FilteredRange {
  readonly range: IndexedRange;
  /** The graph over the same segments, which is asked where the filter lets more through. Undefined: all are compared. */
  readonly graph?: IndexedRange;
}

/**
 * The segments whose metadata is indexed: those of a graph that is asked, and those of none. `apart`: of a graph that is
 * asked it is known that it gives enough.
 */
export function filteredRanges(
  { indexes }: SearchTarget,
  asked: readonly IndexedRange[],
  apart = false,
): readonly FilteredRange[] {
  return indexes
    .filter(({ kind, plan }) => kind === "keyword" && plan.metadata)
    .flatMap((range): readonly FilteredRange[] => {
      const over = asked.filter(({ first, last }) => first <= range.last && last >= range.first);
      if (over.length === 0) return [{ range }];
      const graph = over.find(({ first, last }) => first === range.first && last === range.last);
      return graph && !apart ? [{ range, graph }] : [];
    });
}

/**
 * Rows that are compared instead of asking a graph, by the square root of its rows. A graph visits as many more as the filter
 * lets fewer through: at so many both take about as long, and with fewer the graph comes up short as well.
 */
const FEW = 15;

function most({ range: { rows }, graph }: FilteredRange): number {
  return graph ? Math.ceil(FEW * Math.sqrt(rows)) : 2 ** 31 - 2;
}

/** The clause that a statement begins with: the keys of the rows of each range, and one more than are few. */
export function fewRows(
  { id }: Collection,
  filtered: readonly FilteredRange[],
  contained: string | undefined,
): SQL {
  if (filtered.length === 0) return sql``;
  const tables = filtered.map((one) => {
    const { first, last } = one.range;
    return sql`${tableOf(one)} AS MATERIALIZED (
      SELECT id AS few_id, chunk AS few_chunk
      FROM cairn.metadata_rows(${uuidLiteral(id)}, ${contained}::jsonb, ${first}::int, ${last}::int, ${most(one) + 1}::int))`;
  });
  return sql`WITH ${sql.join(tables, sql`, `)}`;
}

/** What a graph is said to have given that was not asked as the rows were few: more than any gives. */
export const NOT_ASKED = 1_000_000;

/** Whether the rows of a range are few enough. */
export function isFew(one: FilteredRange): SQL {
  return sql`(SELECT count(*) <= ${most(one)}::int FROM ${tableOf(one)})`;
}

/** The nearest of them, as a branch of the search for `q`. */
export function fewBranch(
  collection: Collection,
  one: FilteredRange,
  { topK, matches }: { readonly topK: number; readonly matches?: SQL },
): SQL {
  const away = orderByDistance(collection.metric, sql`q.v`);
  return sql`
    SELECT ${HIT_COLUMNS}, ${away} AS "order", NULL::int AS branch FROM ${tableOf(one)}
    CROSS JOIN LATERAL (
      SELECT ${HIT_COLUMNS}, embedding FROM cairn.documents
      WHERE ${inCollection(collection)} AND id = few_id AND chunk = few_chunk
        AND embedding IS NOT NULL AND ${matches ?? sql`true`} OFFSET 0
    ) AS own
    WHERE ${one.graph ? isFew(one) : sql`true`}
    ORDER BY ${away}, id, chunk LIMIT ${topK}::int`;
}

function tableOf({ range }: FilteredRange): SQL {
  return sql.raw(`few_${Math.trunc(range.first)}`);
}

/** Filters that let through more than are few, of each collection as it is known. */
const wide = new WeakMap<SearchTarget, Set<string>>();
const MOST_WIDE = 1_000;

/**
 * Whether a filter was seen to let many rows through. To find so much takes as long as asking the graph, so this is
 * remembered. It may have changed since: then the graph comes up short, and the rows are found by the metadata after it.
 */
export function isWide(target: SearchTarget, contained: string): boolean {
  return wide.get(target)?.has(contained) === true;
}

/** `given`: by each index that was asked first. */
export function rememberWide(target: SearchTarget, contained: string, given: readonly number[]): void {
  if (given.some((rows) => rows >= NOT_ASKED)) return;
  const filters = wide.get(target) ?? new Set();
  wide.set(target, filters.add(contained));
  const [oldest] = filters.size > MOST_WIDE ? filters : [];
  if (oldest !== undefined) filters.delete(oldest);
}
