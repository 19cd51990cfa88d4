import { type SQL, sql } from "drizzle-orm";
import type { Collection } from "../collection/collection.ts";
import type { Precision } from "../collection/index-settings.ts";
import type { Metric } from "../collection/metric.ts";
import { inCollection } from "../document/read.ts";
import { orderByDistance } from "./metric.ts";
import type { IndexedRange } from "./target.ts";

/** How many rows are looked for. */
export interface Depth {
  /** Hits a vector. */
  readonly topK: number;
  /** The first of them, which are to be the right ones: the others are there to be fused, or to tell how far a scan came. Default: all. */
  readonly shown?: number;
}

/** The columns of a hit that every search reads. */
export const HIT_COLUMNS = sql`id, long_id, chunk, content, metadata, uri`;

/** Indexes that share what is re-ranked: their nearest are, and not each one's. */
export interface Group {
  readonly members: readonly { readonly range: IndexedRange; readonly branch: number }[];
  readonly candidates: number;
}

export function groupIndexes(
  indexes: readonly IndexedRange[],
  { matches, apart = false, ...depth }: Depth & { readonly matches?: SQL; readonly apart?: boolean },
): readonly Group[] {
  const sharing = matches || apart ? undefined : sharedByTail(indexes);
  const all = indexes.map((range, branch) => ({ range, branch }));
  const tail = all.filter(({ range }) => range.kind === "tail");
  return all
    .filter(({ range }) => !sharing || range.kind !== "tail")
    .map((one) => {
      const members = one.range === sharing ? [one, ...tail] : [one];
      return { members, candidates: Math.max(...members.map(({ range }) => candidates(range, depth))) };
    });
}

/**
 * The graph that shares what is re-ranked with the tail, as both hold bits. Undefined where there is none. Never two graphs:
 * of one that gave few rows nobody could tell whether the other's were nearer or its own scan had ended.
 */
export function sharedByTail(indexes: readonly IndexedRange[]): IndexedRange | undefined {
  const tail = indexes.find(({ kind }) => kind === "tail");
  return indexes.findLast(({ kind, plan }) => kind === "vector" && plan.precision === tail?.plan.precision);
}

/**
 * The indexes' nearest, re-ranked by the whole vectors: what the indexes round, the distances do not show. OFFSET 0: a
 * branch by itself would be merged with what counts the rows, which would copy each vector (a quarter of a search).
 */
export function groupBranch(collection: Collection, matches: SQL | undefined, group: Group): SQL {
  return sql`
    SELECT ${HIT_COLUMNS}, ${orderByDistance(collection.metric, sql`q.v`)} AS "order", branch
    FROM (${nearestOf(collection, matches, group)}) AS candidates OFFSET 0`;
}

/** How many more are re-ranked beside a tail, which gives as many as a graph at most: so the graph keeps a quarter, whatever is in the tail. */
const BESIDE_TAIL = 1.25;

/** What is re-ranked, with how far the indexes take it to be. */
function nearestOf(collection: Collection, matches: SQL | undefined, { members, candidates }: Group): SQL {
  const nearest = members.map(({ range, branch }) => {
    const away = indexedDistance(collection, range.plan);
    return sql`(
      SELECT ${HIT_COLUMNS}, embedding, ${away} AS away, ${sql.raw(String(branch))} AS branch FROM cairn.documents
      WHERE ${inCollection(collection)} AND ${sql.raw(within(range))} AND embedding IS NOT NULL AND ${matches ?? sql`true`}
      ORDER BY ${away} LIMIT ${candidates}::int)`;
  });
  const most = members.length > 1 ? Math.ceil(BESIDE_TAIL * candidates) : candidates;
  return sql`SELECT * FROM (${sql.join(nearest, sql` UNION ALL `)}) AS nearest ORDER BY away LIMIT ${most}::int`;
}

/**
 * Each `given` vector as `v`, and as the indexes hold theirs under the name of their precision: made once, and not for every row
 * that an index gives, which a fifth of a search went into. OFFSET 0 keeps the planner from putting it there again.
 */
export function queryVectors(given: SQL, { dimensions }: Collection, indexes: readonly IndexedRange[]): SQL {
  const precisions = new Set(indexes.map(({ plan }) => plan.precision));
  const as = [...precisions].map(
    (precision) => `, ${inPrecision("v", precision, dimensions as number)} AS "${precision}"`,
  );
  return sql`SELECT v, n${sql.raw(as.join(""))} FROM ${given} OFFSET 0`;
}

/**
 * The rows nearest to each of those asked for, `neighbours`, ten unless told, as one index gives them to a search, nearest
 * first, and their places by the index's own distance, `places`, ties at their end. `row`: which it is; `among`: of how
 * many that the index gave.
 */
export function neighboursStatement(
  collection: Collection,
  range: IndexedRange,
  { asked, nearest = 10 }: { readonly asked: SQL; readonly nearest?: number },
): SQL {
  const rows = sql`(
    SELECT embedding AS v, chunk || ' ' || id AS n FROM cairn.documents WHERE ${inCollection(collection)} AND ${asked}
  ) AS given`;
  const [group] = groupIndexes([range], { topK: 10 }) as [Group];
  return sql`
    SELECT q.n AS row, array_agg(near.chunk || ' ' || near.id ORDER BY near.rank) AS neighbours,
           array_agg(near.place ORDER BY near.rank) AS places, max(near.among) AS among
    FROM (${queryVectors(rows, collection, [range])}) AS q
    CROSS JOIN LATERAL (
      SELECT id, chunk, (count(*) OVER (ORDER BY away))::int AS place, (count(*) OVER ())::int AS among,
             row_number() OVER (ORDER BY ${orderByDistance(collection.metric, sql`q.v`)}, id, chunk) AS rank
      FROM (${nearestOf(collection, undefined, group)}) AS candidates
      ORDER BY rank LIMIT ${nearest}::int
    ) AS near
    GROUP BY q.n`;
}

/** Hits of an index of bits that are re-ranked for each one that is shown: the bits order coarsely. */
const BITS_A_HIT = 10;
const FEWEST_BITS = 100;

/**
 * How many of an index's hits are re-ranked: 16-bit floats order nearly as the vectors do, bits as coarsely as the build
 * found. Of many hits a smaller multiple.
 */
export function candidates(
  { plan: { precision, reranked = 0 } }: IndexedRange,
  { topK, shown = topK }: Depth,
): number {
  if (precision === "vector") return topK;
  if (precision === "halfvec") return topK + Math.max(2, Math.ceil(topK / 10));
  const most = Math.max(1_000, 3 * shown);
  return Math.max(FEWEST_BITS, reranked, Math.min(most, BITS_A_HIT * shown), topK);
}

/**
 * Share of an index's rows that a filtered scan may visit before the exact path takes over. To visit one costs 16 µs,
 * to scan one 1.2 µs: by then the scan has cost as much as the exact path, which is the most that may be wasted.
 */
const SCAN_SHARE = 0.075;

/** Rows that a filtered scan of a graph visits at most. */
export function scanLimit(range: IndexedRange, depth: Depth): number {
  const { rows, plan } = range;
  const trusted = plan.precision === "bit" ? (plan.depth ?? 0) : Number.POSITIVE_INFINITY;
  return Math.max(1_000, candidates(range, depth), Math.min(Math.ceil(SCAN_SHARE * rows), trusted));
}

/**
 * The rows of an index, in the very words of its predicate. While one is built anew there are two over the same segments:
 * by its mark, a chunk that there is not, Postgres takes the one that is meant.
 */
export function within({ first, last, plan: { mark } }: Within): string {
  const range = `segment >= ${Math.trunc(first)} AND segment <= ${Math.trunc(last)}`;
  return mark === undefined ? range : `${range} AND chunk <> -${Math.trunc(mark)}`;
}

type Within = Pick<IndexedRange, "first" | "last"> & { readonly plan: { readonly mark?: number } };

const OPERATORS: Readonly<Record<Metric, string>> = { cosine: "<=>", l2: "<->", ip: "<#>" };

/** How far an index takes a row to be from the query. */
function indexedDistance(collection: Collection, plan: Held): SQL {
  const operator = plan.precision === "bit" ? "<~>" : OPERATORS[collection.metric];
  return sql.raw(`${indexedExpression(collection, plan)} ${operator} q."${plan.precision}"`);
}

/** What an index holds of a row, by what it was built with. */
type Held = { readonly precision: Precision; readonly stored?: true };

/** That as an expression over the row's columns. The vector has no fixed size, so this gives it one. */
export function indexedExpression({ dimensions }: Collection, { precision, stored }: Held): string {
  const size = dimensions as number;
  if (precision !== "bit") return `(${inPrecision("embedding", precision, size)})`;
  return `(${stored ? "coalesce(bits, binary_quantize(embedding))" : "binary_quantize(embedding)"}::bit(${Math.trunc(size)}))`;
}

/** A vector in another precision. */
function inPrecision(vector: string, precision: Precision, dimensions: number): string {
  const size = Math.trunc(dimensions);
  return precision === "bit"
    ? `binary_quantize(${vector})::bit(${size})`
    : `${vector}::${precision}(${size})`;
}

/** The operator class of pgvector that orders by the metric. */
export function operatorClass(metric: Metric, precision: Precision): string {
  return precision === "bit" ? "bit_hamming_ops" : `${precision}_${metric}_ops`;
}
