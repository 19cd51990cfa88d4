import { type SQL, sql } from "drizzle-orm";
import { PgDialect } from "drizzle-orm/pg-core";
import { INDEX_DEFAULTS } from "../collection/index-settings.ts";
import { selectRows } from "../database/rows.ts";
import { setLocal } from "../database/settings.ts";
import { asTenant, tenantSettings } from "../database/transaction.ts";
import { AppError } from "../error.ts";
import { type SearchFilter, searchFilter } from "../filter/input.ts";
import { scanText } from "../filter/text-scan.ts";
import type { Services } from "../services.ts";
import { candidates } from "./candidates.ts";
import { embedQueries, type Wanted } from "./embed-queries.ts";
import type { SearchOptions } from "./query.ts";
import { filteredOf, type List, listReads, vectorsOf } from "./reads.ts";
import { findTarget, type IndexedRange, type SearchTarget } from "./target.ts";
import { chooseVectorPlan, unableIndexes } from "./vector.ts";

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
  const reads = listReads(target, search);
  const values = vectorsOf(search, (await services.database.vectorTypes()).vector);
  const steps: ExplainedStep[] = [];
  for (const { list, statement, settings } of reads) {
    const explain = sql.raw(analyze ? "EXPLAIN (ANALYZE, BUFFERS)" : "EXPLAIN");
    const [rows] = await scanText(filter?.readsText === true, (limit) =>
      services.database.read([sql`${explain} ${statement}`], {
        settings: { ...tenantSettings(tenantId), ...settings, ...limit },
        values,
      }),
    );
    const plan = (rows as readonly { readonly "QUERY PLAN": string }[]).map((row) => row["QUERY PLAN"]);
    steps.push({
      list,
      settings: setLocal(settings),
      sql: render(statement),
      plan: plan.map(withoutVectors),
    });
  }
  const rows = await countUnindexed(services, target);
  const unable = unableIndexes(target, embedded?.embeddings ?? [], filter?.matches);
  const words = steps.map(({ list }) => inWords(target, list, { rows, topK, unable, filter }));
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
  const last = Math.max(-1, ...indexes.filter(isVector).map((range) => range.last));
  const [row] = await asTenant(database, collection.tenantId, ({ orm }) =>
    selectRows<{ rows: number }>(
      orm,
      sql`SELECT count(*)::float8 AS rows FROM cairn.documents
          WHERE tenant_id = ${collection.tenantId}::uuid AND collection_id = ${collection.id}::uuid AND segment > ${last}::int`,
    ),
  );
  return row?.rows ?? 0;
}

function isVector({ kind }: IndexedRange): boolean {
  return kind === "vector";
}

function inWords(
  target: SearchTarget,
  list: List,
  {
    rows,
    topK,
    unable,
    filter,
  }: {
    readonly rows: number;
    readonly topK: number;
    readonly unable: ReadonlySet<string>;
    readonly filter: SearchFilter | undefined;
  },
): string {
  const { collection, indexes } = target;
  const own = indexes.filter(({ kind }) => kind === list);
  const what = list === "vector" ? "By meaning" : `By words (${collection.language})`;
  const { threshold = INDEX_DEFAULTS.threshold } = collection.indexSettings;
  if (own.length === 0)
    return rows < threshold
      ? `${what}: exactly, every one of ${rows} rows; from ${threshold} rows on the collection gets an index.`
      : `${what}: exactly, every one of ${rows} rows. That is over the threshold of ${threshold}: cairn reindex makes an index.`;
  const indexed = own.reduce((sum, range) => sum + range.rows, 0);
  const plan = chooseVectorPlan(target, unable);
  const asked = plan.kind === "index" ? plan.indexes : [];
  const graphs = asked.filter(isVector);
  const byMetadata =
    filter?.contained !== undefined &&
    filteredOf(target, plan, { topK, contained: filter.contained }).length > 0;
  if (list === "vector" && graphs.length === 0)
    return byMetadata
      ? `${what}: exactly, every row of ${indexed} that the filter lets through, found by an index of the metadata, and of the ${rows} written since. What its index of vectors holds is too coarse for a filter.`
      : `${what}: exactly, every one of ${indexed + rows} rows: what its index holds is too coarse for ${filter ? "a filter" : "this vector"}.`;
  const kinds = graphs.map((range) => {
    const { type, precision, efSearch } = range.plan;
    const most = Math.max(efSearch, candidates(range, { topK }));
    return type === "hnsw" ? `${type}, ${precision}, ef_search ${most}` : `${type}, ${precision}`;
  });
  const kind = list === "keyword" ? "" : ` (${[...new Set(kinds)].join("; ")})`;
  const few =
    " Where the filter lets few rows through, they are found by an index of the metadata and compared.";
  const short = filter
    ? `${list === "vector" && byMetadata ? few : ""} Where the filter leaves too few of what the index gives, every row ${byMetadata ? "that it lets through " : ""}is compared instead.`
    : "";
  const byBits = list === "vector" && asked.some((range) => range.kind === "tail");
  const tail = byBits
    ? `by the bits of the ${rows} written since, re-ranked`
    : `exactly over the ${rows} written since`;
  return `${what}: through ${own.length} ${own.length === 1 ? "index" : "indexes"}${kind} over ${indexed} rows, and ${tail}.${short}`;
}
