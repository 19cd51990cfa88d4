import { sql } from "drizzle-orm";
import type { Collection } from "../collection/collection.ts";
import type { Database } from "../database/database.ts";
import { asTenant } from "../database/transaction.ts";
import { withCandidates } from "../index/accuracy.ts";
import type { IndexedRange } from "../index/indexed-range.ts";
import { neighborsStatement } from "../search/candidates.ts";
import type { Depth } from "../search/depth.ts";
import { planIndexScan } from "../search/plan-branches.ts";
import { indexSettings } from "../search/settings.ts";
import { sampleRows } from "./sample.ts";

/** Values of ef_search among which calibration chooses. The last one is the reference. */
const EF_SEARCH_STEPS = [130, 160, 200, 250, 300, 350, 400, 500, 600, 800, 1_000];

/** Numbers of candidates of a binary-quantized index that are re-ranked. Above 200, a search is slower than in half precision. */
const RERANK_STEPS = [100, 110, 130, 160, 200];
const MAX_RERANK = 400;

/**
 * Minimum recall, relative to the neighbors that the last step finds, less two standard errors. If searches miss a neighbor
 * now and then, as in word vectors, this asks for 0.993 in the largest sample; if a search that misses its cluster misses all
 * ten, it allows two such searches of 500.
 */
const MIN_RECALL = 0.99;

/** Minimum share of these neighbors among the re-ranked rows. */
const MIN_RERANK_RECALL = 0.998;

/** Queries of the sample: a tenth of the rows, within these limits. */
const MIN_SAMPLE = 20;
const MAX_SAMPLE = 500;

/** Numbers of true nearest rows that are looked for among ten times as many rows by binary distance. */
const DEPTHS = [400, 200, 100, 50, 20];
const DEPTH_FACTOR = 10;
const MIN_DEPTH_RECALL = 0.99;

/** Queries that measure the depth. */
const MAX_DEPTH_SAMPLE = 50;

export type Calibration = Pick<IndexedRange["plan"], "efSearch" | "accuracy">;

/**
 * Measures the ef_search that a new HNSW index needs, and the rows to re-rank of a binary-quantized one. Both have to be
 * measured: the number of clusters that a search misses differs between builds (2 to 30 of 1,000 with the same settings), and
 * how finely binary distances order depends on the vectors. Takes four seconds.
 */
export async function calibrate(database: Database, collection: Collection, index: IndexedRange): Promise<Calibration> {
  const { type, precision, efSearch, accuracy } = index.plan;
  if (type !== "hnsw") return { efSearch, accuracy };
  const max = { efSearch: EF_SEARCH_STEPS.at(-1) as number, reranked: MAX_RERANK };
  const withPlan = ({ efSearch, reranked }: Partial<typeof max>) => ({
    collection,
    index: { ...index, plan: withCandidates(index.plan, { efSearch, rerank: reranked }) },
  });
  const rows = await sampleKeys(database, collection, index);
  const reference = await findNeighbors(database, withPlan(max), { rows });
  const reranked = precision === "bit" ? findRerank(reference) : undefined;
  const first = Math.max(efSearch, reranked ?? 0);
  const steps = [first, ...EF_SEARCH_STEPS.filter((step) => step > first)];
  const sufficient = await findStep(steps, async (ef) =>
    lowerRecall(await findNeighbors(database, withPlan({ efSearch: ef, reranked }), { rows }), reference),
  );
  const calibrated = { efSearch: steps[sufficient] as number, accuracy };
  if (reranked === undefined) return calibrated;
  const isBinaryTooCoarse = reranked === MAX_RERANK || accuracy.isBinaryTooCoarse;
  const filterDepth = await findDepth(database, withPlan, rows);
  return { ...calibrated, accuracy: { kind: "binary", rerank: reranked, filterDepth, isBinaryTooCoarse } };
}

/**
 * Rows, nearest by binary distance, to which a filtered scan can go that re-ranks a hundred matching rows to find ten. Of the
 * true nearest rows, they contain a fifth of their number, including the farther half of these. Beyond this depth, vectors can
 * be so similar that binary distances do not order them.
 */
async function findDepth(
  database: Database,
  withPlan: (plan: { efSearch: number; reranked: number }) => MeasuredIndex,
  { ids, chunks }: Keys,
): Promise<number> {
  const nearest = DEPTHS[0] as number;
  const index = withPlan({ efSearch: EF_SEARCH_STEPS.at(-1) as number, reranked: DEPTH_FACTOR * nearest });
  const rows = { ids: ids.slice(0, MAX_DEPTH_SAMPLE), chunks: chunks.slice(0, MAX_DEPTH_SAMPLE) };
  const found = [...(await findNeighbors(database, index, { rows, nearest })).values()];
  const trustedRows = (depth: number) => (DEPTH_FACTOR * depth) / 2;
  const isDeep = (depth: number) => {
    if (found.some(({ among }) => among < DEPTH_FACTOR * depth)) return false; // too few rows: these need not be the true nearest
    const places = found.flatMap((query) => query.places.slice(depth / 2, depth));
    return places.filter((place) => place <= trustedRows(depth)).length >= MIN_DEPTH_RECALL * places.length;
  };
  const depth = DEPTHS.find(isDeep);
  return depth === undefined ? 0 : trustedRows(depth);
}

/** Rows to re-rank so that they contain enough of the neighbors. */
function findRerank(reference: ReadonlyMap<string, Neighbors>): number {
  const places = [...reference.values()].flatMap((query) => query.places);
  const countWithin = (rows: number) => places.filter((place) => place <= rows).length;
  return RERANK_STEPS.find((rows) => countWithin(rows) >= MIN_RERANK_RECALL * places.length) ?? MAX_RERANK;
}

/** Index of the first step with enough recall, or of the last step. Most indexes need one of the first. */
async function findStep(steps: readonly number[], recallAt: (step: number) => Promise<number>): Promise<number> {
  for (const [index, step] of steps.slice(0, -1).entries()) if ((await recallAt(step)) >= MIN_RECALL) return index;
  return steps.length - 1;
}

interface Keys {
  readonly ids: readonly string[];
  readonly chunks: readonly number[];
}

async function sampleKeys(database: Database, collection: Collection, index: IndexedRange): Promise<Keys> {
  const size = Math.min(MAX_SAMPLE, Math.max(MIN_SAMPLE, Math.floor(index.rows / 10)));
  const rows = await asTenant(database, collection.tenantId, ({ orm }) =>
    orm.selectRows<{ id: string; chunk: number }>(sql`SELECT id, chunk FROM ${sampleRows(collection, index, size)}`),
  );
  return { ids: rows.map(({ id }) => id), chunks: rows.map(({ chunk }) => chunk) };
}

/** Depth of the measured searches. */
const DEPTH: Depth = { limit: 10 };

interface Neighbors {
  readonly neighbors: readonly string[];
  /** Place of each neighbor among the rows that the index returned. */
  readonly places: readonly number[];
  /** Rows that the index returned. */
  readonly among: number;
}

/** An index with the plan that is measured. */
interface MeasuredIndex {
  readonly collection: Collection;
  readonly index: IndexedRange;
}

/** The nearest neighbors of each row (default ten), as a search through the index finds them. */
async function findNeighbors(
  database: Database,
  { collection, index }: MeasuredIndex,
  { rows: { ids, chunks }, nearest }: { readonly rows: Keys; readonly nearest?: number },
): Promise<ReadonlyMap<string, Neighbors>> {
  const queried = sql`(id, chunk) IN (SELECT * FROM unnest(${sql.param(ids)}::text[], ${sql.param(chunks)}::int[]))`;
  const rows = await asTenant(
    database,
    collection.tenantId,
    ({ orm }) =>
      orm.selectRows<Neighbors & { row: string }>(
        neighborsStatement(collection, planIndexScan(index, DEPTH), { queried, nearest }),
      ),
    indexSettings([index], DEPTH),
  );
  return new Map(rows.map(({ row, ...found }) => [row, found]));
}

/** The mean recall of the rows, less two standard errors. A row finds itself, which does not count. */
function lowerRecall(found: ReadonlyMap<string, Neighbors>, reference: ReadonlyMap<string, Neighbors>): number {
  const shares = [...reference].flatMap(([row, { neighbors }]) => {
    const others = neighbors.filter((neighbor) => neighbor !== row);
    const foundRows = new Set(found.get(row)?.neighbors);
    return others.length === 0 ? [] : [others.filter((other) => foundRows.has(other)).length / others.length];
  });
  if (shares.length < 2) return 1;
  const mean = shares.reduce((sum, share) => sum + share, 0) / shares.length;
  const variance = shares.reduce((sum, share) => sum + (share - mean) ** 2, 0) / (shares.length - 1);
  return mean - 2 * Math.sqrt(variance / shares.length);
}
