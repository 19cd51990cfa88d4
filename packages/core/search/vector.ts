import { type SQL, sql } from "drizzle-orm";
import type { Collection } from "../collection/collection.ts";
import type { Precision } from "../collection/index-settings.ts";
import type { Metric } from "../collection/metric.ts";
import type { Settings } from "../database/settings.ts";
import { inCollection } from "../document/read.ts";
import { orderByDistance } from "./metric.ts";
import { type IndexedRange, LAST_SEGMENT, type SearchTarget } from "./target.ts";

/** How many rows are looked for. */
export interface Depth {
  /** Hits a vector. */
  readonly topK: number;
  /** The first of them, which are to be the right ones: the others are there to be fused, or to tell how far a scan came. Default: all. */
  readonly shown?: number;
}

export interface VectorSearch extends Depth {
  /** `vector[]` in the wire format, see encodeVectorArray. */
  readonly vectors: Buffer;
  /** The caller's filters as a condition on a row; undefined where there are none. */
  readonly matches?: SQL;
  /** 1-based numbers of the vectors to search for; undefined: all. */
  readonly only?: readonly number[];
  /** Every index gives all that it is asked for: with filters they always do. */
  readonly apart?: boolean;
}

/** Through the collection's indexes and an exact look at what they do not hold, or exact all over. */
export type VectorPlan =
  | { readonly kind: "exact" }
  | { readonly kind: "index"; readonly indexes: readonly IndexedRange[] };

/**
 * The code picks the plan, not the planner's luck: a collection with a valid index uses it. `exactly`: names of indexes
 * whose rows are compared one by one instead.
 */
export function chooseVectorPlan(
  { collection, indexes }: SearchTarget,
  exactly: ReadonlySet<string> = new Set(),
): VectorPlan {
  const { efSearch, probes } = collection.indexSettings; // a search's own; else what the build measured
  const vector = indexes
    .filter(({ kind, name }) => kind !== "keyword" && !exactly.has(name))
    .map((range) =>
      range.kind === "tail"
        ? range
        : { ...range, plan: { ...range.plan, probes, ...(efSearch && { efSearch, reranked: efSearch }) } },
    );
  return vector.length > 0 ? { kind: "index", indexes: vector } : { kind: "exact" };
}

/** The columns of a hit that every search reads. */
export const HIT_COLUMNS = sql`id, long_id, chunk, content, metadata, uri`;

/**
 * The rows nearest to each vector, nearest first: `n` (which vector), the hit's columns, `order` (as orderByDistance has
 * it) and `given`, how many rows each index of the plan gave.
 */
export function vectorStatement(target: SearchTarget, plan: VectorPlan, search: VectorSearch): SQL {
  const { collection } = target;
  const indexes = plan.kind === "exact" ? [] : plan.indexes;
  const groups = groupIndexes(indexes, search);
  const branches = [
    ...groups.map((group) => groupBranch(collection, search.matches, group)),
    exactBranch(collection, search, indexes.length > 0 ? outside(indexes) : sql`true`),
  ].map((branch) => sql`(${branch})`);
  const counts = indexes.map((_, branch) => `count(*) FILTER (WHERE branch = ${branch}) OVER ()`);
  const given = sql`unnest(${search.vectors}::vector[]) WITH ORDINALITY AS given (v, n)`;
  const only = search.only ? sql`WHERE q.n = ANY(${sql.param(search.only)}::int[])` : sql``;
  return sql`
    SELECT q.n::int, near.id, near.long_id, near.chunk, near.content, near.metadata::text AS metadata, near.uri, near."order",
           near.given
    FROM (${queryVectors(given, collection, indexes)}) AS q
    CROSS JOIN LATERAL (
      SELECT *, ${sql.raw(`ARRAY[${counts.join(", ")}]::int[]`)} AS given FROM (${sql.join(branches, sql` UNION ALL `)}) AS branches
      ORDER BY "order", id, chunk LIMIT ${search.topK}::int
    ) AS near
    ${only}
    ORDER BY q.n, near."order", near.id, near.chunk`;
}

/**
 * Each `given` vector as `v`, and as the indexes hold theirs under the name of their precision: made once, and not for every row
 * that an index gives, which a fifth of a search went into. OFFSET 0 keeps the planner from putting it there again.
 */
function queryVectors(given: SQL, { dimensions }: Collection, indexes: readonly IndexedRange[]): SQL {
  const precisions = new Set(indexes.map(({ plan }) => plan.precision));
  const as = [...precisions].map(
    (precision) => `, ${inPrecision("v", precision, dimensions as number)} AS "${precision}"`,
  );
  return sql`SELECT v, n${sql.raw(as.join(""))} FROM ${given} OFFSET 0`;
}

/** Compares with every row that the condition and the filters let through. */
function exactBranch(collection: Collection, { topK, matches }: VectorSearch, condition: SQL): SQL {
  const away = orderByDistance(collection.metric, sql`q.v`);
  return sql`
    SELECT ${HIT_COLUMNS}, ${away} AS "order", NULL::int AS branch FROM cairn.documents
    WHERE ${inCollection(collection)} AND ${condition} AND embedding IS NOT NULL AND ${matches ?? sql`true`}
    ORDER BY ${away}, id, chunk LIMIT ${topK}::int`;
}

/** Indexes that share what is re-ranked: their nearest are, and not each one's. */
interface Group {
  readonly members: readonly { readonly range: IndexedRange; readonly branch: number }[];
  readonly candidates: number;
}

function groupIndexes(
  indexes: readonly IndexedRange[],
  { matches, apart = false, ...depth }: Depth & Pick<VectorSearch, "matches" | "apart">,
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
 * The graph that what is re-ranked of the tail counts towards, as it holds bits, too. Undefined where there is none. Of two
 * graphs none could tell whether it gave few rows as the other's were nearer, or as it came to an end.
 */
export function sharedByTail(indexes: readonly IndexedRange[]): IndexedRange | undefined {
  const tail = indexes.find(({ kind }) => kind === "tail");
  return indexes.findLast(({ kind, plan }) => kind === "vector" && plan.precision === tail?.plan.precision);
}

/** The indexes' nearest, re-ranked by the whole vectors: what the indexes round, the distances do not show. */
function groupBranch(collection: Collection, matches: SQL | undefined, { members, candidates }: Group): SQL {
  const { metric } = collection;
  const nearest = members.map(({ range, branch }) => {
    const away = indexedDistance(metric, range.plan.precision, collection.dimensions as number);
    return sql`(
      SELECT ${HIT_COLUMNS}, embedding, ${away} AS away, ${sql.raw(String(branch))} AS branch FROM cairn.documents
      WHERE ${inCollection(collection)} AND ${sql.raw(within(range))} AND embedding IS NOT NULL AND ${matches ?? sql`true`}
      ORDER BY ${away} LIMIT ${candidates}::int)`;
  });
  return sql`
    SELECT ${HIT_COLUMNS}, ${orderByDistance(metric, sql`q.v`)} AS "order", branch
    FROM (
      SELECT * FROM (${sql.join(nearest, sql` UNION ALL `)}) AS nearest ORDER BY away LIMIT ${candidates}::int
    ) AS candidates`;
}

/** The ten rows nearest to each of those asked for, `neighbours`, as one index gives them to a search. `row`: which it is. */
export function neighboursStatement(collection: Collection, range: IndexedRange, asked: SQL): SQL {
  const rows = sql`(
    SELECT embedding AS v, chunk || ' ' || id AS n FROM cairn.documents WHERE ${inCollection(collection)} AND ${asked}
  ) AS given`;
  const [group] = groupIndexes([range], { topK: 10 }) as [Group];
  return sql`
    SELECT q.n AS row, array_agg(near.chunk || ' ' || near.id) AS neighbours
    FROM (${queryVectors(rows, collection, [range])}) AS q
    CROSS JOIN LATERAL (
      SELECT id, chunk FROM (${groupBranch(collection, undefined, group)}) AS found ORDER BY "order", id, chunk LIMIT 10
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
function candidates(
  { plan: { precision, reranked = 0 } }: IndexedRange,
  { topK, shown = topK }: Depth,
): number {
  if (precision === "vector") return topK;
  if (precision === "halfvec") return topK + Math.max(2, Math.ceil(topK / 10));
  const most = Math.max(1_000, 3 * shown);
  return Math.max(FEWEST_BITS, reranked, Math.min(most, BITS_A_HIT * shown), topK);
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

/** The segments that no range holds: what came after the last, and gaps. False where there are none. */
export function outside(ranges: readonly Pick<IndexedRange, "first" | "last">[]): SQL {
  const open: string[] = [];
  let next = 0;
  for (const { first, last } of ranges) {
    if (first > next) open.push(`segment >= ${next} AND segment < ${first}`);
    next = Math.max(next, last + 1);
  }
  if (next <= LAST_SEGMENT) open.push(`segment >= ${next}`);
  if (open.length === 0) return sql`false`;
  return sql.raw(open.length === 1 ? (open[0] as string) : `(${open.join(" OR ")})`);
}

/** The largest 16-bit float: a query beyond it cannot be compared with what such an index holds. */
const LARGEST_HALF = 65_504;

/** Names of the vector indexes that cannot be asked for one of these vectors. */
export function unableIndexes(
  { indexes }: SearchTarget,
  vectors: readonly Float32Array[],
): ReadonlySet<string> {
  const half = indexes.filter(({ kind, plan }) => kind === "vector" && plan.precision === "halfvec");
  if (half.length === 0 || vectors.every((vector) => largest(vector) <= LARGEST_HALF)) return new Set();
  return new Set(half.map(({ name }) => name));
}

/** The largest magnitude of an element. */
function largest(vector: Float32Array): number {
  let most = 0;
  for (let i = 0; i < vector.length; i++) most = Math.max(most, Math.abs(vector[i] as number));
  return most;
}

const OPERATORS: Readonly<Record<Metric, string>> = { cosine: "<=>", l2: "<->", ip: "<#>" };

/** How far an index of this precision takes a row to be from the query. */
function indexedDistance(metric: Metric, precision: Precision, dimensions: number): SQL {
  const operator = precision === "bit" ? "<~>" : OPERATORS[metric];
  return sql.raw(`${indexedExpression(precision, dimensions)} ${operator} q."${precision}"`);
}

/** What an index of this precision holds of a row. */
export function indexedExpression(precision: Precision, dimensions: number): string {
  return `(${inPrecision("embedding", precision, dimensions)})`;
}

/** A vector in another precision. The column has no fixed size, so this gives it one. */
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

/**
 * Share of an index's rows that a filtered scan may visit before the exact path takes over. To visit one costs 16 µs,
 * to scan one 1.2 µs: by then the scan has cost as much as the exact path, which is the most that may be wasted.
 */
const SCAN_SHARE = 0.075;

/**
 * Settings for the search. Through an index: sorting and scanning are priced out, as a high
 * ef_search makes the planner prefer them (315 ms instead of 3 at 100,000 rows); the scan goes on where a filter leaves
 * too few. A plan is kept while the partition grows by other tenants' rows, so none may read all of it. Compiling a query
 * takes longer than running it.
 */
export function vectorSettings(plan: VectorPlan, depth: Depth): Settings {
  if (plan.kind === "exact") return { jit: "off", enable_seqscan: "off" };
  const settings: Record<string, string | number> = { jit: "off", enable_seqscan: "off", enable_sort: "off" };
  for (const range of plan.indexes) {
    const { kind, plan: index, rows } = range;
    if (kind === "tail") continue; // its one list is read whatever is set
    if (index.type === "ivfflat") {
      const lists = index.lists ?? 10;
      settings["ivfflat.probes"] = Math.min(lists, index.probes ?? Math.max(8, Math.ceil(lists / 4)));
      settings["ivfflat.max_probes"] = lists;
      settings["ivfflat.iterative_scan"] = "relaxed_order";
    } else {
      const reranked = candidates(range, depth);
      const wanted = Math.max(index.efSearch, reranked);
      settings["hnsw.ef_search"] = Math.min(1_000, Math.max(Number(settings["hnsw.ef_search"] ?? 0), wanted));
      settings["hnsw.iterative_scan"] = "relaxed_order"; // the strict one leaves out what it finds late: recall 0.86
      settings["hnsw.max_scan_tuples"] = Math.max(
        1_000,
        reranked,
        Number(settings["hnsw.max_scan_tuples"] ?? 0),
        Math.ceil(SCAN_SHARE * rows),
      );
      settings["hnsw.scan_mem_multiplier"] = 8;
    }
  }
  return settings;
}
