import { type SQL, sql } from "drizzle-orm";
import { PgDialect } from "drizzle-orm/pg-core";
import { inCollection } from "../collection/collection.ts";
import { setLocal } from "../database/settings.ts";
import { asTenant, tenantSettings } from "../database/transaction.ts";
import { AppError } from "../error.ts";
import { searchFilter } from "../filter/input.ts";
import { scanText } from "../filter/text-scan.ts";
import { INDEX_DEFAULTS } from "../index/settings.ts";
import { candidatesOf, requireReranker } from "../rerank/reranker.ts";
import type { Services } from "../services.ts";
import { embedQueries, type QueryInput } from "./embed-queries.ts";
import type { List, SearchPlan, VectorPlan } from "./plan.ts";
import type { SearchOptions } from "./query.ts";
import { findTarget } from "./read-target.ts";
import { planReads, vectorsOf } from "./reads.ts";
import type { SearchTarget } from "./target.ts";
import { indexesOf } from "./vector.ts";

export interface Explanation {
  /** What each list of the search does, and why. */
  readonly words: readonly string[];
  readonly steps: readonly ExplainedStep[];
}

export interface ExplainedStep {
  readonly list: List;
  /** SET LOCAL statements that are sent before it. */
  readonly settings: readonly string[];
  /** The statement with parameters $1, $2, …, without the text and the vector. */
  readonly sql: string;
  /** The plan of Postgres, in lines. */
  readonly plan: readonly string[];
}

export interface ExplainOptions extends SearchOptions, QueryInput {
  /** Executes the statements, for the actual times. Default false. */
  readonly analyze?: boolean;
  /** Whether plans have estimates. They are figures of a partition, which other tenants share. Default true. */
  readonly estimates?: boolean;
}

/**
 * Explains a search with the statements that the search itself sends. With `analyze` they are executed, and the plan shows
 * actual times. Throws what `query` throws.
 */
export async function explainSearch(
  services: Services,
  tenantId: string,
  options: ExplainOptions,
): Promise<Explanation> {
  const { mode = "vector", topK = 10, text, embedding, analyze = false, estimates = true } = options;
  if (text === undefined && (mode !== "vector" || embedding === undefined))
    throw new AppError(
      "invalid_input",
      "The search cannot be explained: it has neither a text nor an embedding. Give one of them.",
      { path: "query" },
    );
  const filter = searchFilter(options);
  const queries = [{ text, embedding }];
  const embedded = mode === "keyword" ? undefined : await embedQueries(services, tenantId, { ...options, queries });
  const target = await findTarget(services.database, tenantId, options.collection);
  const grouped = options.groupBy === "document" ? { maxDistance: options.maxDistance } : undefined;
  const rows = candidatesOf(topK, options.rerank);
  const search = { ...embedded, mode, topK: rows, grouped, ...filter, texts: [text ?? ""] };
  const reads = planReads(services.database, target, search);
  const values = vectorsOf(search, (await services.database.vectorTypes()).vector);
  const steps: ExplainedStep[] = [];
  for (const { plan, statement } of reads) {
    const { list, settings } = plan;
    const explain = sql.raw(analyze ? "EXPLAIN (ANALYZE, BUFFERS)" : estimates ? "EXPLAIN" : "EXPLAIN (COSTS OFF)");
    const [rows] = await scanText(filter?.readsText === true, (limit) =>
      services.database.read([sql`${explain} ${statement}`], {
        settings: { ...tenantSettings(tenantId), ...settings, ...limit },
        values,
      }),
    );
    const lines = (rows as readonly { readonly "QUERY PLAN": string }[]).map((row) => row["QUERY PLAN"]);
    steps.push({
      list,
      settings: setLocal(settings),
      sql: render(statement),
      plan: lines.map(withoutVectors),
    });
  }
  const unindexed = await countUnindexed(services, target);
  const words = reads.map(({ plan }) => describePlan(plan, target, { unindexed, isFiltered: filter !== undefined }));
  return { words: [...words, ...(grouped ? [GROUPED] : []), ...describeResult(services, { ...options, topK })], steps };
}

/** What happens to the rows of the lists. */
function describeResult(
  { reranker: server }: Services,
  { topK, rerank, expand }: SearchOptions & { readonly topK: number },
): readonly string[] {
  const words: string[] = [];
  if (rerank) {
    const { reranker, model, topN } = requireReranker(server, { topK, rerank });
    words.push(
      `Rerank: the model ${model} orders the best ${topN} rows within ${reranker.timeout} ms, and the first ${topK} are returned. If it fails, the order of the search is kept.`,
    );
  }
  if (expand) words.push("Expand: one more statement reads the passages around the hits.");
  return words;
}

const GROUPED =
  "Hits are grouped by document: if the passages come from too few documents, the search reads more of them, at most two more times. The last time it compares every row.";

function render(statement: SQL): string {
  return new PgDialect().sqlToQuery(statement).sql.replace(/\n\s*\n/g, "\n");
}

/** Removes vectors from a line: a plan shows parameters as constants, and a vector is long and private to the caller. */
function withoutVectors(line: string): string {
  return line.replaceAll(/'[^']{200,}'|'\{?\[[^']*\]\}?'/g, "'…'");
}

/** Rows written after the last vector index. */
async function countUnindexed({ database }: Services, { collection, indexes }: SearchTarget): Promise<number> {
  const last = Math.max(-1, ...indexes.filter(({ kind }) => kind === "vector").map((range) => range.last));
  const [row] = await asTenant(database, collection.tenantId, ({ orm }) =>
    orm.selectRows<{ rows: number }>(sql`SELECT count(*)::float8 AS rows FROM cairn.documents
          WHERE ${inCollection(collection)} AND segment > ${last}::int`),
  );
  return row?.rows ?? 0;
}

interface Facts {
  /** Rows written after the last vector index. */
  readonly unindexed: number;
  readonly isFiltered: boolean;
}

/** What a plan does and why, in a sentence or two. */
function describePlan(plan: SearchPlan, target: SearchTarget, facts: Facts): string {
  const { collection, indexes } = target;
  const listIndexes = indexes.filter(({ kind }) => kind === plan.list);
  const label = plan.list === "vector" ? "Vector search" : `Keyword search (${collection.language})`;
  if (listIndexes.length === 0) return `${label}: ${describeUnindexed(target, facts)}`;
  const indexed = listIndexes.reduce((sum, range) => sum + range.rows, 0);
  const counts = { ...facts, indexes: listIndexes.length, indexed };
  return `${label}: ${plan.list === "vector" ? describeVector(plan, counts) : describeKeyword(counts)}`;
}

function describeUnindexed({ collection }: SearchTarget, { unindexed: rows }: Facts): string {
  const { threshold = INDEX_DEFAULTS.threshold } = collection.indexSettings;
  return rows < threshold
    ? `exact, compares all ${rows} rows. The collection gets an index from ${threshold} rows.`
    : `exact, compares all ${rows} rows. The threshold of ${threshold} rows is reached: cairn reindex builds an index.`;
}

interface Counts extends Facts {
  /** Indexes of the list, and the rows in them. */
  readonly indexes: number;
  readonly indexed: number;
}

function describeKeyword({ indexes, indexed, unindexed, isFiltered }: Counts): string {
  const fallback = isFiltered ? " If the index returns too few matching rows, every row is compared instead." : "";
  return `uses ${countIndexes(indexes)} over ${indexed} rows, and compares the ${unindexed} rows written since.${fallback}`;
}

function describeVector(plan: VectorPlan, { indexes, indexed, unindexed, isFiltered }: Counts): string {
  const scans = plan.kind === "nearest" ? indexesOf(plan) : [];
  const hasPrefilter = plan.kind === "nearest" && plan.branches.some(({ kind }) => kind === "prefilter");
  const vectorIndexes = scans.filter(({ kind }) => kind === "vector");
  if (vectorIndexes.length === 0)
    return hasPrefilter
      ? `exact, compares every row that matches the filter: the metadata index finds them among ${indexed} rows, and the ${unindexed} rows written since are read. The vector index is too coarse for a filter.`
      : `exact, compares all ${indexed + unindexed} rows. The vector index is too coarse for ${isFiltered ? "a filter" : "this vector"}.`;
  const efSearch = plan.settings["hnsw.ef_search"];
  const kinds = vectorIndexes.map((index) => {
    const { type, precision } = index.plan;
    return type === "hnsw" ? `${type}, ${precision}, ef_search ${efSearch}` : `${type}, ${precision}`;
  });
  const prefilter = hasPrefilter
    ? " If few rows match the filter, the metadata index finds them and they are compared."
    : "";
  const fallback = isFiltered
    ? ` If too few of its first rows match, every ${hasPrefilter ? "matching " : ""}row is compared instead.`
    : "";
  const tail = scans.some(({ kind }) => kind === "tail")
    ? `compares the ${unindexed} rows written since by binary distance, with re-ranking`
    : `compares the ${unindexed} rows written since exactly`;
  return `uses ${countIndexes(indexes)} (${[...new Set(kinds)].join("; ")}) over ${indexed} rows, and ${tail}.${prefilter}${fallback}`;
}

function countIndexes(count: number): string {
  return `${count} ${count === 1 ? "index" : "indexes"}`;
}
