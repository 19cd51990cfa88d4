import { type SQL, sql } from "drizzle-orm";
import type { Collection } from "../collection/collection.ts";
import { findVectorFault } from "../collection/vector-fault.ts";
import type { Settings } from "../database/settings.ts";
import { encodeText } from "../database/text.ts";
import { encodeVectorArray } from "../database/vector.ts";
import { AppError, type ErrorCode } from "../error.ts";
import { type Depth, sharedByTail } from "./candidates.ts";
import { type EmbeddedQueries, NO_VECTOR, type PathOf } from "./embed-queries.ts";
import { type FilteredRange, filteredRanges, isWide } from "./filtered.ts";
import { groupedDepth } from "./grouped.ts";
import type { HitRow } from "./hit.ts";
import { keywordRanges, keywordStatement } from "./keyword.ts";
import { type Output, outputKey } from "./output.ts";
import type { SearchTarget } from "./target.ts";
import {
  chooseVectorPlan,
  unableIndexes,
  type VectorPlan,
  vectorSettings,
  vectorStatement,
} from "./vector.ts";

export type SearchMode = "vector" | "keyword" | "hybrid";

/** A list of rows by one measure; hybrid search fuses two. */
export type List = "vector" | "keyword";

export interface RowSearch extends Partial<EmbeddedQueries> {
  readonly mode: SearchMode;
  /** Hits a query: passages, or documents where they are grouped. */
  readonly topK: number;
  readonly output?: Output;
  /** The best passage of each document, and how many others match, no farther away than this. */
  readonly grouped?: { readonly maxDistance?: number };
  readonly matches?: SQL;
  /** What indexes of the metadata can tell of it, see `containedBy`. */
  readonly contained?: string;
  /** Whether the filter reads the text of rows, see `scanText`. */
  readonly readsText?: boolean;
  readonly texts: readonly string[];
  /** Default: the field's name, as of the one query that there is. */
  readonly pathOf?: PathOf;
}

export interface ListRead {
  readonly list: List;
  /** With a placeholder for the vectors, see `vectorsOf`. */
  readonly statement: SQL;
  /** They travel with it. */
  readonly settings?: Settings;
  /** Whether graphs are asked only where the filter lets more than a few rows through. */
  readonly gated?: boolean;
}

export function listsOf(mode: SearchMode): readonly List[] {
  return mode === "hybrid" ? ["vector", "keyword"] : [mode];
}

/** Hits of each list that are fused at least: what is far down in one may be first in the other. */
const FUSED = 50;

/**
 * Rows that a list should have. With a filter more than asked for: a scan that it stops early has seen enough only if it
 * found more. Of vectors far more: what is nearest of the few that it lets through is far away, where a graph leaves rows
 * out. For ten hits of 21,000 rows 30 were too few: by a filter for one row of fifty 0.92 was found of 16-bit floats, 0.66
 * of bits.
 */
function listDepth(search: RowSearch, list: List, step?: GroupStep): number {
  const { matches, grouped } = search;
  const hits = hitsOf(search);
  const depth = grouped && list === "vector" ? groupedDepth(hits, { deeper: step === "deeper" }) : hits;
  if (!matches || (grouped && list === "keyword")) return depth;
  return depth + Math.max(list === "vector" ? 90 : 20, Math.ceil(depth / 2));
}

/** Hits of a query in each list. */
function hitsOf({ mode, topK }: RowSearch): number {
  return mode === "hybrid" ? Math.min(1_000, Math.max(FUSED, 3 * topK)) : topK;
}

/** What is read again where the passages that were read come from too few documents: more of them, then all. */
type GroupStep = "deeper" | "all";

/** Queries that an index gave too few rows for: this time each index gives its own. */
export interface Repeat {
  readonly list: List;
  /** Their 1-based numbers. */
  readonly queries: readonly number[];
  /** Names of the indexes whose rows are compared one by one. */
  readonly exactly: ReadonlySet<string>;
  /** Of hits that are grouped by document. */
  readonly step?: GroupStep;
}

/** The value of the statements' placeholder. `vectorType`: its type id. */
export function vectorsOf({ embeddings = [] }: RowSearch, vectorType: number): { readonly vectors: Buffer } {
  return { vectors: encodeVectorArray(embeddings, vectorType) };
}

/**
 * The statements of a search on a collection as it is known, one a list. `repeat`: of a search that came up short.
 * Throws `dimension_mismatch`, `invalid_input` for a vector that the collection cannot be asked for.
 */
export function listReads(target: SearchTarget, search: RowSearch, repeat?: Repeat): readonly ListRead[] {
  const { embeddings = [], matches, contained, pathOf = (_, field) => field } = search;
  for (const [index, embedding] of embeddings.entries()) {
    const fault = findFault(target.collection, embedding);
    if (fault) throw new AppError(fault.code, fault.message, { path: pathOf(index, "query_embedding") });
  }
  const vectors =
    target.collection.dimensions === null || !search.embeddings ? undefined : sql.placeholder("vectors");
  const { queries: only } = repeat ?? {};
  return (repeat ? [repeat.list] : listsOf(search.mode)).map((list) => {
    const { output, grouped } = search;
    const topK = listDepth(search, list, repeat?.step);
    const shown = grouped ? topK : search.topK;
    const asked = { topK, shown, matches, contained, only, output, apart: !!repeat || grouped !== undefined };
    if (list === "keyword") {
      const others = search.mode === "hybrid" ? ("vector" as const) : ("words" as const);
      return {
        list,
        statement: keywordStatement(target, repeat ? [] : keywordRanges(target), {
          ...asked,
          vectors,
          texts: search.texts.map(encodeText),
          grouped: grouped && { ...grouped, others },
        }),
      };
    }
    if (!vectors) return { list, statement: EMPTY };
    const unable = repeat?.exactly ?? unableIndexes(target, embeddings, matches);
    const make = (): ListRead => {
      const plan: VectorPlan = repeat?.step === "all" ? { kind: "exact" } : chooseVectorPlan(target, unable);
      const filtered = filteredOf(target, plan, asked);
      return {
        list,
        statement: vectorStatement(target, plan, {
          ...asked,
          vectors,
          filtered,
          grouped: grouped && { ...grouped, documents: hitsOf(search) },
        }),
        settings: vectorSettings(plan, asked),
        gated: filtered.some(({ graph }) => graph !== undefined),
      };
    };
    if (repeat || matches || unable.size > 0) return make();
    const key = `${topK} ${search.topK} ${outputKey(output)} ${grouped && `grouped ${grouped.maxDistance}`}`;
    return keepRead(target, key, make);
  });
}

/** Of which segments an index of the metadata is asked for what the filter lets through. */
export function filteredOf(
  target: SearchTarget,
  plan: VectorPlan,
  { contained, ...depth }: Depth & Pick<RowSearch, "contained">,
): readonly FilteredRange[] {
  if (contained === undefined) return [];
  const asked = plan.kind === "index" ? plan.indexes : [];
  return filteredRanges(target, asked, { ...depth, wide: isWide(target, contained) });
}

/** Of each collection the read of all its nearest that was made last, which differs from the next by its vectors alone. */
const lastMade = new Map<SearchTarget, { readonly key: string; readonly read: ListRead }>();

/** Collections of which it is kept, those searched last: with its plan's text it takes 25 kB. */
const MAX_CACHED_READS = 500;

function keepRead(target: SearchTarget, key: string, make: () => ListRead): ListRead {
  const last = lastMade.get(target);
  const kept = last?.key === key ? last : { key, read: make() };
  lastMade.delete(target);
  lastMade.set(target, kept);
  const [oldest] = lastMade.size > MAX_CACHED_READS ? lastMade.keys() : [];
  if (oldest) lastMade.delete(oldest);
  return kept.read;
}

/** The answer of a collection that has no vector yet. */
const EMPTY = sql`SELECT WHERE false`;

/**
 * The queries that an index gave too few rows for, as a filter or deleted rows can make it: what else it holds is
 * farther away than what it gave, but may be nearer than another index's or the tail's. A graph that shares what is
 * re-ranked with the tail is asked alone first: the tail's rows may just be nearer. Undefined where there are none.
 * `before`: the repeat that found this.
 */
export function findShort(
  target: SearchTarget,
  { list, search, before }: { readonly list: List; readonly search: RowSearch; readonly before?: Repeat },
  found: readonly (readonly HitRow[])[],
): Repeat | undefined {
  if (search.grouped) return findUngrouped(target, { list, search, before }, found);
  const depth = listDepth(search, list);
  if (list === "keyword") {
    if (before || !search.matches || keywordRanges(target).length === 0) return undefined; // of words only where a filter took some
    const queries = found.flatMap(({ length }, index) => (length < depth ? [index + 1] : []));
    return queries.length > 0 ? { list, queries, exactly: new Set() } : undefined;
  }
  if (found.every(([first]) => first?.given?.every((rows) => rows >= depth))) return undefined; // as nearly always
  const asked = before?.exactly ?? unableIndexes(target, search.embeddings ?? [], search.matches);
  const plan = chooseVectorPlan(target, asked);
  if (plan.kind === "exact") return undefined;
  const shared = search.matches || before ? undefined : sharedByTail(plan.indexes)?.name;
  const enough = (name: string) => (name === shared ? Math.min(depth, search.topK) : depth);
  const exactly = new Set(asked);
  const queries = (before?.queries ?? found.map((_, index) => index + 1)).filter((n) => {
    // The tail's gives all that it holds and the filter lets through, however little that is.
    const short = plan.indexes.filter(
      ({ kind, name }, branch) =>
        kind === "vector" && (found[n - 1]?.[0]?.given?.[branch] ?? 0) < enough(name),
    );
    for (const { name } of short) if (name !== shared) exactly.add(name);
    return short.length > 0;
  });
  return queries.length > 0 ? { list, queries, exactly } : undefined;
}

/**
 * The queries whose passages come from fewer documents than are wanted, though more may match; those of an index that gave
 * too few rows are compared with every row at once. Undefined where there are none.
 */
function findUngrouped(
  target: SearchTarget,
  { list, search, before }: { readonly list: List; readonly search: RowSearch; readonly before?: Repeat },
  found: readonly (readonly HitRow[])[],
): Repeat | undefined {
  if (before?.step === "all") return undefined;
  const exactly = unableIndexes(target, search.embeddings ?? [], search.matches);
  const all = before?.queries ?? found.map((_, index) => index + 1);
  const isFew = (n: number) => (found[n - 1]?.length ?? 0) < search.topK;
  if (list === "keyword") {
    if (keywordRanges(target).length === 0) return undefined;
    // With a filter a sample of rows may be such as it leaves out.
    const isSample = (n: number) => found[n - 1]?.[0]?.truncated ?? search.matches !== undefined;
    const queries = all.filter((n) => isFew(n) && isSample(n));
    return queries.length > 0 ? { list, queries, exactly, step: "all" } : undefined;
  }
  const plan = chooseVectorPlan(target, exactly);
  if (plan.kind === "exact") return undefined;
  const depth = listDepth(search, list, before?.step);
  const graphs = plan.indexes.flatMap(({ kind }, branch) => (kind === "vector" ? [branch] : []));
  const short = all.filter((n) => graphs.some((branch) => (found[n - 1]?.[0]?.given?.[branch] ?? 0) < depth));
  const few = all.filter((n) => isFew(n) && (found[n - 1]?.[0]?.listed ?? depth) >= depth);
  const queries = [...new Set([...short, ...few])].sort((a, b) => a - b);
  if (queries.length === 0) return undefined;
  return { list, queries, exactly, step: short.length > 0 || before ? "all" : "deeper" };
}

/** The texts were embedded by another model than the collection has by now, or before it had dimensions. */
export function isOutdated(
  { collection }: SearchTarget,
  { model, embeddings = [] }: Partial<EmbeddedQueries>,
): boolean {
  if (model === undefined) return false;
  return (
    collection.embeddingModel !== model || (collection.dimensions !== null && embeddings.includes(NO_VECTOR))
  );
}

function findFault(
  { name, dimensions, metric }: Collection,
  vector: Float32Array,
): { readonly code: ErrorCode; readonly message: string } | undefined {
  if (vector === NO_VECTOR || dimensions === null) return undefined;
  if (vector.length !== dimensions)
    return {
      code: "dimension_mismatch",
      message: `Collection ${JSON.stringify(name)} holds vectors of ${dimensions} dimensions; the query's has ${vector.length}.`,
    };
  const fault = findVectorFault(vector, metric);
  return fault && { code: "invalid_input", message: `The query's vector ${fault.says}.` };
}
