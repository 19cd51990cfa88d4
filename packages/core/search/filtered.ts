import { createHash } from "node:crypto";
import { type SQL, sql } from "drizzle-orm";
import type { Collection } from "../collection/collection.ts";
import { uuidLiteral } from "../database/transaction.ts";
import { inCollection } from "../document/read.ts";
import { type Depth, HIT_COLUMNS, scanLimit, within } from "./candidates.ts";
import { orderByDistance } from "./metric.ts";
import type { IndexedRange, SearchTarget } from "./target.ts";

// The rows that a filter lets through, found by the index of the metadata and compared one by one: 4 to 6 µs each, where a
// look at every row takes 1.2 µs for each that there is.

/** Segments of which an index of the metadata tells the rows. */
export interface FilteredRange {
  readonly range: IndexedRange;
  /** Its rows are compared where the filter lets no more through. */
  readonly most: number;
  /** The graph over the same segments that is asked else. Undefined: every row is looked at. */
  readonly graph?: IndexedRange;
}

/**
 * The segments whose metadata is indexed: those of a graph that is asked, unless the filter is known to let many rows
 * through (`wide`), and those of none.
 */
export function filteredRanges(
  { indexes }: SearchTarget,
  asked: readonly IndexedRange[],
  { wide, ...depth }: Depth & { readonly wide?: boolean },
): readonly FilteredRange[] {
  return indexes
    .filter(({ kind, plan }) => kind === "keyword" && plan.metadata)
    .flatMap((range): readonly FilteredRange[] => {
      const over = asked.filter(({ first, last }) => first <= range.last && last >= range.first);
      const most = Math.ceil(range.rows * MAX_PREFILTER_SHARE);
      if (over.length === 0) return [{ range, most }];
      const graph = over.find(({ first, last }) => first === range.first && last === range.last);
      return graph && !wide ? [{ range, graph, most: Math.min(most, fewOf(graph, depth)) }] : [];
    });
}

/** Share of the rows from which on it takes as long to find and compare them as to look at each. */
const MAX_PREFILTER_SHARE = 0.25;

/**
 * Rows that are compared instead of asking a graph: so many times the square root of its rows, as it visits as many more as
 * the filter lets fewer through, and whatever its scan would end before it has found enough of.
 */
const FEW = 8;

function fewOf(graph: IndexedRange, depth: Depth): number {
  const { rows, plan } = graph;
  const short = plan.type === "hnsw" ? (depth.topK * rows) / scanLimit(graph, depth) : 0;
  return Math.ceil(Math.max(FEW * Math.sqrt(rows), short));
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
      FROM cairn.metadata_rows(${uuidLiteral(id)}, ${contained}::jsonb, ${first}::int, ${last}::int, ${one.most + 1}::int))`;
  });
  return sql`WITH ${sql.join(tables, sql`, `)}`;
}

/** What a graph is said to have given that was not asked as the rows were few: more than any gives. */
export const NOT_ASKED = 1_000_000;

/** Whether the rows of a range are few enough. */
export function isFew(one: FilteredRange): SQL {
  return sql`(SELECT count(*) <= ${one.most}::int FROM ${tableOf(one)})`;
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
      WHERE ${inCollection(collection)} AND id = few_id AND chunk = few_chunk AND ${segmentsOf(one)}
        AND embedding IS NOT NULL AND ${matches ?? sql`true`} OFFSET 0
    ) AS own
    WHERE ${isFew(one)}
    ORDER BY ${away}, id, chunk LIMIT ${topK}::int`;
}

/** Its segments as a condition on a row. */
export function segmentsOf({ range }: FilteredRange): SQL {
  return sql.raw(within(range));
}

function tableOf({ range }: FilteredRange): SQL {
  return sql.raw(`few_${Math.trunc(range.first)}`);
}

/** Digests of filters that let through more than are few, of each collection as it is known. */
const seenWide = new WeakMap<SearchTarget, Set<string>>();
const MAX_WIDE_FILTERS = 1_000;

/**
 * Whether a filter was seen to let many rows through. To find so much takes as long as asking the graph, so this is
 * remembered. It may have changed since: then the graph comes up short, and the rows are found by the metadata after it.
 */
export function isWide(target: SearchTarget, contained: string): boolean {
  return seenWide.get(target)?.has(digest(contained)) === true;
}

/** `given`: by each index that was asked first, some of them where the filter lets more than a few rows through. */
export function rememberWide(target: SearchTarget, contained: string, given: readonly number[]): void {
  if (given.some((rows) => rows >= NOT_ASKED)) return;
  const filters = seenWide.get(target) ?? new Set();
  seenWide.set(target, filters.add(digest(contained)));
  const [oldest] = filters.size > MAX_WIDE_FILTERS ? filters : [];
  if (oldest !== undefined) filters.delete(oldest);
}

function digest(contained: string): string {
  return createHash("sha256").update(contained).digest("base64url");
}
