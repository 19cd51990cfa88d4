import { type SQL, sql } from "drizzle-orm";
import { PgDialect } from "drizzle-orm/pg-core";
import { INDEX_DEFAULTS } from "../collection/index-settings.ts";
import { selectRows } from "../database/rows.ts";
import { setLocal } from "../database/settings.ts";
import { asTenant, tenantSettings } from "../database/transaction.ts";
import { AppError } from "../error.ts";
import { searchFilter } from "../filter/input.ts";
import { scanText } from "../filter/text-scan.ts";
import type { Services } from "../services.ts";
import { embedQueries, type Wanted } from "./embed-queries.ts";
import type { List, SearchPlan, VectorPlan } from "./plan.ts";
import type { SearchOptions } from "./query.ts";
import { findTarget } from "./read-target.ts";
import { planReads, vectorsOf } from "./reads.ts";
import { efSearchOf } from "./settings.ts";
import type { SearchTarget } from "./target.ts";
import { indexesOf } from "./vector.ts";

export interface Explanation {
  /** What the search does and why, a sentence each. */
  readonly words: readonly string[];
  readonly steps: readonly ExplainedStep[];
}

export interface ExplainedStep {
  readonly list: List;
  /** Statements that travel before it. */
  readonly settings: readonly string[];
  /** Its parameters as $1, $2, …: neither the text nor the vector. */
  readonly sql: string;
  /** Postgres's own plan, a line each. */
  readonly plan: readonly string[];
}

/**
 * How a search is carried out: by the very statements of the search itself. With `analyze` it is carried out, and the
 * plan shows what it took. Throws what `query` throws.
 */
export async function explainSearch(
  services: Services,
  tenantId: string,
  options: SearchOptions & Wanted & { readonly analyze?: boolean },
): Promise<Explanation> {
  const { mode = "vector", topK = 10, text, embedding, analyze = false } = options;
  if (text === undefined && (mode !== "vector" || embedding === undefined))
    throw new AppError("invalid_input", "Give the text to look for, or its embedding.", { path: "query" });
  const filter = searchFilter(options);
  const queries = [{ text, embedding }];
  const embedded =
    mode === "keyword" ? undefined : await embedQueries(services, tenantId, { ...options, queries });
  const target = await findTarget(services.database, tenantId, options.collection);
  const grouped = options.groupBy === "document" ? { maxDistance: options.maxDistance } : undefined;
  const search = { ...embedded, mode, topK, grouped, ...filter, texts: [text ?? ""] };
  const reads = planReads(services.database, target, search);
  const values = vectorsOf(search, (await services.database.vectorTypes()).vector);
  const steps: ExplainedStep[] = [];
  for (const { plan, statement } of reads) {
    const { list, settings } = plan;
    const explain = sql.raw(analyze ? "EXPLAIN (ANALYZE, BUFFERS)" : "EXPLAIN");
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
  const words = reads.map(({ plan }) =>
    describePlan(plan, target, { unindexed, isFiltered: filter !== undefined }),
  );
  return { words: grouped ? [...words, GROUPED] : words, steps };
}

const GROUPED =
  "Hits are grouped: passages are read until they come from enough documents, at most two more times; the last time every row is compared.";

function render(statement: SQL): string {
  return new PgDialect().sqlToQuery(statement).sql.replace(/\n\s*\n/g, "\n");
}

/** A plan shows parameters as constants: a vector's numbers tell nobody anything, and are the caller's. */
function withoutVectors(line: string): string {
  return line.replaceAll(/'[^']{200,}'|'\{?\[[^']*\]\}?'/g, "'…'");
}

/** Rows behind the last vector index. */
async function countUnindexed(
  { database }: Services,
  { collection, indexes }: SearchTarget,
): Promise<number> {
  const last = Math.max(-1, ...indexes.filter(({ kind }) => kind === "vector").map((range) => range.last));
  const [row] = await asTenant(database, collection.tenantId, ({ orm }) =>
    selectRows<{ rows: number }>(
      orm,
      sql`SELECT count(*)::float8 AS rows FROM cairn.documents
          WHERE tenant_id = ${collection.tenantId}::uuid AND collection_id = ${collection.id}::uuid AND segment > ${last}::int`,
    ),
  );
  return row?.rows ?? 0;
}

interface Facts {
  /** Rows behind the last vector index. */
  readonly unindexed: number;
  readonly isFiltered: boolean;
}

/** What a plan does and why, in a sentence or two. */
function describePlan(plan: SearchPlan, target: SearchTarget, facts: Facts): string {
  const { collection, indexes } = target;
  const own = indexes.filter(({ kind }) => kind === plan.list);
  const label = plan.list === "vector" ? "By meaning" : `By words (${collection.language})`;
  if (own.length === 0) return `${label}: ${describeUnindexed(target, facts)}`;
  const indexed = own.reduce((sum, range) => sum + range.rows, 0);
  const counts = { ...facts, indexes: own.length, indexed };
  return `${label}: ${plan.list === "vector" ? describeVector(plan, counts) : describeKeyword(counts)}`;
}

function describeUnindexed({ collection }: SearchTarget, { unindexed: rows }: Facts): string {
  const { threshold = INDEX_DEFAULTS.threshold } = collection.indexSettings;
  return rows < threshold
    ? `exactly, every one of ${rows} rows; from ${threshold} rows on the collection gets an index.`
    : `exactly, every one of ${rows} rows. That is over the threshold of ${threshold}: cairn reindex makes an index.`;
}

interface Counts extends Facts {
  /** Indexes of the list, and rows in them. */
  readonly indexes: number;
  readonly indexed: number;
}

function describeKeyword({ indexes, indexed, unindexed, isFiltered }: Counts): string {
  const fallback = isFiltered
    ? " Where the filter leaves too few of what the index gives, every row is compared instead."
    : "";
  return `through ${countIndexes(indexes)} over ${indexed} rows, and exactly over the ${unindexed} written since.${fallback}`;
}

function describeVector(plan: VectorPlan, { indexes, indexed, unindexed, isFiltered }: Counts): string {
  const scans = plan.kind === "nearest" ? indexesOf(plan) : [];
  const hasPrefilter = plan.kind === "nearest" && plan.branches.some(({ kind }) => kind === "prefilter");
  const graphs = scans.filter(({ kind }) => kind === "vector");
  if (graphs.length === 0)
    return hasPrefilter
      ? `exactly, every row of ${indexed} that the filter lets through, found by an index of the metadata, and of the ${unindexed} written since. What its index of vectors holds is too coarse for a filter.`
      : `exactly, every one of ${indexed + unindexed} rows: what its index holds is too coarse for ${isFiltered ? "a filter" : "this vector"}.`;
  const depth = plan.kind === "nearest" ? { limit: plan.limit } : { limit: 0 };
  const kinds = graphs.map((index) => {
    const { type, precision } = index.plan;
    return type === "hnsw"
      ? `${type}, ${precision}, ef_search ${efSearchOf(index, depth)}`
      : `${type}, ${precision}`;
  });
  const prefilter = hasPrefilter
    ? " Where the filter lets few rows through, they are found by an index of the metadata and compared."
    : "";
  const fallback = isFiltered
    ? ` Where the filter leaves too few of what the index gives, every row ${hasPrefilter ? "that it lets through " : ""}is compared instead.`
    : "";
  const tail = scans.some(({ kind }) => kind === "tail")
    ? `by the bits of the ${unindexed} written since, re-ranked`
    : `exactly over the ${unindexed} written since`;
  return `through ${countIndexes(indexes)} (${[...new Set(kinds)].join("; ")}) over ${indexed} rows, and ${tail}.${prefilter}${fallback}`;
}

function countIndexes(count: number): string {
  return `${count} ${count === 1 ? "index" : "indexes"}`;
}
