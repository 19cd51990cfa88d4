import { type Placeholder, type SQL, sql } from "drizzle-orm";
import type { Collection } from "../collection/collection.ts";
import type { Settings } from "../database/settings.ts";
import { inCollection } from "../document/read.ts";
import {
  candidates,
  type Depth,
  groupBranch,
  groupIndexes,
  HIT_COLUMNS,
  queryVectors,
  scanLimit,
} from "./candidates.ts";
import { type FilteredRange, fewBranch, fewRows, isFew, NOT_ASKED, segmentsOf } from "./filtered.ts";
import { exhaustiveGroups, type GroupedSearch, groupRows, othersOf } from "./grouped.ts";
import { orderByDistance } from "./metric.ts";
import { type Output, outputColumns } from "./output.ts";
import { type IndexedRange, LAST_SEGMENT, type SearchTarget } from "./target.ts";

export interface VectorSearch extends Depth {
  /** `vector[]` in the wire format, see encodeVectorArray, or what stands in its place until it is sent. */
  readonly vectors: Buffer | Placeholder;
  /** The caller's filters as a condition on a row; undefined where there are none. */
  readonly matches?: SQL;
  /** What indexes of the metadata can tell of it, see `containedBy`, and of which segments they are asked. */
  readonly contained?: string;
  readonly filtered?: readonly FilteredRange[];
  /** 1-based numbers of the vectors to search for; undefined: all. */
  readonly only?: readonly number[];
  /** Every index gives all that it is asked for: with filters they always do. */
  readonly apart?: boolean;
  readonly output?: Output;
  /** The best row of each document instead. */
  readonly grouped?: GroupedSearch;
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

/**
 * The rows nearest to each vector, nearest first: `n` (which vector), the hit's columns, `order` (as orderByDistance has
 * it) and `given`, how many rows each index of the plan gave.
 */
export function vectorStatement(target: SearchTarget, plan: VectorPlan, search: VectorSearch): SQL {
  const { collection } = target;
  const { grouped, output, matches } = search;
  const returned = sql`q.n::int, ${outputColumns(output)}, near."order", near.given`;
  const given = sql`unnest(${search.vectors}::vector[]) WITH ORDINALITY AS given (v, n)`;
  const only = search.only ? sql`WHERE q.n = ANY(${sql.param(search.only)}::int[])` : sql``;
  if (grouped && plan.kind === "exact")
    return sql`
      SELECT ${returned}, near.listed, ${othersOf(collection, { ...grouped, matches })} AS others
      FROM (SELECT v, n FROM ${given} OFFSET 0) AS q
      CROSS JOIN LATERAL (${exhaustiveGroups(collection, { ...grouped, matches })}) AS near
      ${only}
      ORDER BY q.n, near."order", near.id, near.chunk`;
  const indexes = plan.kind === "exact" ? [] : plan.indexes;
  const { filtered = [] } = search;
  const insteadOf = (index: IndexedRange) => filtered.find(({ graph }) => graph === index);
  const held = [...indexes, ...filtered.map(({ range }) => range)].toSorted((a, b) => a.first - b.first);
  const rest = held.length > 0 ? outside(held) : sql`true`;
  const branches = [
    ...groupIndexes(indexes, search).map((group) => {
      const few = group.members.map(({ range }) => insteadOf(range)).find((one) => one !== undefined);
      const matches = few ? sql`NOT ${isFew(few)} AND ${search.matches}` : search.matches;
      return groupBranch(collection, matches, group);
    }),
    ...filtered.flatMap((one) => {
      const few = fewBranch(collection, one, search);
      if (one.graph) return [few];
      return [few, exactBranch(collection, search, sql`${segmentsOf(one)} AND NOT ${isFew(one)}`)];
    }),
    ...(rest ? [exactBranch(collection, search, rest)] : []),
  ].map((branch) => sql`(${branch})`);
  const counts = indexes.map((index, branch) => {
    const few = insteadOf(index);
    const count = sql`count(*) FILTER (WHERE branch = ${sql.raw(String(branch))}) OVER ()`;
    return few
      ? sql`${count} + CASE WHEN ${isFew(few)} THEN ${sql.raw(String(NOT_ASKED))} ELSE 0 END`
      : count;
  });
  const nearest = sql`
      SELECT *, ARRAY[${sql.join(counts, sql`, `)}]::int[] AS given FROM (${sql.join(branches, sql` UNION ALL `)}) AS branches
      ORDER BY "order", id, chunk LIMIT ${search.topK}::int`;
  return sql`
    ${fewRows(collection, filtered, search.contained)}
    SELECT ${returned}${grouped ? sql`, near.listed, ${othersOf(collection, { ...grouped, matches })} AS others` : sql``}
    FROM (${queryVectors(given, collection, indexes)}) AS q
    CROSS JOIN LATERAL (${grouped ? groupRows(nearest, grouped) : nearest}) AS near
    ${only}
    ORDER BY q.n, near."order", near.id, near.chunk`;
}

/** Compares with every row that the condition and the filters let through. */
function exactBranch(collection: Collection, { topK, matches }: VectorSearch, condition: SQL): SQL {
  const away = orderByDistance(collection.metric, sql`q.v`);
  return sql`
    SELECT ${HIT_COLUMNS}, ${away} AS "order", NULL::int AS branch FROM cairn.documents
    WHERE ${inCollection(collection)} AND ${condition} AND embedding IS NOT NULL AND ${matches ?? sql`true`}
    ORDER BY ${away}, id, chunk LIMIT ${topK}::int`;
}

/** The segments that no range holds: what came after the last, and gaps. Undefined where there are none. */
export function outside(ranges: readonly Pick<IndexedRange, "first" | "last">[]): SQL | undefined {
  const open: string[] = [];
  let next = 0;
  for (const { first, last } of ranges) {
    if (first > next) open.push(`segment >= ${next} AND segment < ${first}`);
    next = Math.max(next, last + 1);
  }
  if (next <= LAST_SEGMENT) open.push(`segment >= ${next}`);
  if (open.length === 0) return undefined;
  return sql.raw(open.length === 1 ? (open[0] as string) : `(${open.join(" OR ")})`);
}

/** The largest 16-bit float: a query beyond it cannot be compared with what such an index holds. */
const LARGEST_HALF = 65_504;

/**
 * Rows that a scan gives of a graph at once, whatever it may visit: with a filter bits are asked only where they order well
 * so deep. In 4,600 rows 0.82 was found otherwise by a filter for one of ten.
 */
const LEAST_DEPTH = 1_000;

/** Names of the vector indexes that cannot be asked for one of these vectors, or with a filter. */
export function unableIndexes(
  { indexes }: SearchTarget,
  vectors: readonly Float32Array[],
  matches?: SQL,
): ReadonlySet<string> {
  const shallow = matches ? indexes.filter(isShallow) : [];
  const half = indexes.filter(({ kind, plan }) => kind === "vector" && plan.precision === "halfvec");
  const isLarge = half.length > 0 && vectors.some((vector) => largest(vector) > LARGEST_HALF);
  return new Set([...shallow, ...(isLarge ? half : [])].map(({ name }) => name));
}

/** Not the bits of a tail beside a graph of floats, for which nothing was measured: it is there where bits order finely. */
function isShallow({ kind, plan: { precision, reranked, depth = 0 } }: IndexedRange): boolean {
  return precision === "bit" && (kind === "vector" || reranked !== undefined) && depth < LEAST_DEPTH;
}

/** The largest magnitude of an element. */
function largest(vector: Float32Array): number {
  let most = 0;
  for (let i = 0; i < vector.length; i++) most = Math.max(most, Math.abs(vector[i] as number));
  return most;
}

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
    const { kind, plan: index } = range;
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
      const most = Number(settings["hnsw.max_scan_tuples"] ?? 0);
      settings["hnsw.max_scan_tuples"] = Math.max(most, scanLimit(range, depth));
      settings["hnsw.scan_mem_multiplier"] = 8;
    }
  }
  return settings;
}
