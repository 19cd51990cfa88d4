import { type Collection, inCollection } from "@cairn/core/collection/collection.ts";
import type { Database } from "@cairn/core/database/database.ts";
import { asTenant } from "@cairn/core/database/transaction.ts";
import { encodeVector } from "@cairn/core/database/vector.ts";
import { restoreId } from "@cairn/core/document/id.ts";
import { distance, orderByDistance } from "@cairn/core/index/metric.ts";
import { query } from "@cairn/core/search/query.ts";
import type { Services } from "@cairn/core/services.ts";
import { sql } from "drizzle-orm";
import type { FailureClassifier } from "../copy/failure.ts";
import type { Outcome } from "../report/build.ts";
import type { SearchReport } from "../report/report.ts";
import { labelCollections } from "../source/label.ts";
import type { SourceHit as Hit, Source } from "../source/source.ts";
import { addNoise, divideQueries, sampleVectors } from "./sample.ts";

/** Both sides of a collection whose searches are compared, and its progress, which has the number of records. */
export type ParityPair = Pick<Outcome, "planned" | "target" | "progress">;

/** Hits for each query. */
const TOP_K = 10;

export interface SearchOptions {
  /** Total number of searches. Default 50; 0: none. */
  readonly queries?: number;
  /** Decides whether an error affects one collection, whose searches are then skipped, or all collections. */
  readonly classifier: FailureClassifier;
  /** When aborted, no further searches start. */
  readonly signal?: AbortSignal;
}

export interface ComparedSearches {
  /** Null if there is nothing to search, or there are no copied vectors to compare. */
  readonly search: SearchReport | null;
  /** Collections whose searches could not be compared, each with the reason. */
  readonly notices: readonly string[];
}

interface QueryResults {
  readonly collection: string;
  readonly chroma: readonly Hit[];
  readonly cairn: readonly Hit[];
  readonly exact: readonly Hit[];
}

/**
 * Runs the same searches in Chroma and Cairn, and compares the first ten hits with each other and with an exact search.
 * Stops when the signal is aborted.
 */
export async function compareSearches(
  services: Services,
  source: Source,
  pairs: readonly ParityPair[],
  { queries = 50, classifier, signal }: SearchOptions,
): Promise<ComparedSearches> {
  const copied = pairs.filter(({ planned, target }) => planned.vectors === "copy" && target.dimensions !== null);
  const shares = divideQueries(copied.map(countRecords), queries);
  const label = labelCollections(pairs.map(({ planned }) => planned.source));
  const results: QueryResults[] = [];
  const notices: string[] = [];
  for (const [index, pair] of copied.entries()) {
    if (signal?.aborted) break;
    const collection = label(pair.planned.source);
    try {
      for await (const result of runSampleQueries(services, source, pair, {
        count: shares[index] ?? 0,
        signal,
      }))
        results.push({ collection, ...result });
    } catch (error) {
      const { detail } = await classifier.classify(pair.planned, error);
      notices.push(`${collection}: its searches could not be compared completely. ${detail}`);
    }
  }
  return { search: results.length === 0 ? null : summarize(results), notices };
}

/** The records of the source. A collection that Chroma no longer has has none. */
function countRecords({ progress: { state, tally } }: ParityPair): number {
  return state === "vanished" ? 0 : tally.seen;
}

/** The results of searches near records of one collection. */
async function* runSampleQueries(
  services: Services,
  source: Source,
  pair: ParityPair,
  { count, signal }: { readonly count: number; readonly signal: AbortSignal | undefined },
): AsyncGenerator<Omit<QueryResults, "collection">> {
  let seed = 0;
  for await (const vector of sampleVectors(source, pair.planned.source, countRecords(pair), count)) {
    if (signal?.aborted) return;
    yield await runQuery(services, source, pair, addNoise(vector, seed++));
  }
}

async function runQuery(
  services: Services,
  source: Source,
  { planned, target }: ParityPair,
  embedding: Float32Array,
): Promise<Omit<QueryResults, "collection">> {
  const [chroma, cairn, exact] = await Promise.all([
    source.query(planned.source, embedding, TOP_K),
    query(services, target.tenantId, { collection: target.id, embedding, topK: TOP_K, include: [] }),
    exactNearest(services.database, target, embedding),
  ]);
  const ranked = cairn.map(({ id, distance }) => ({ id, distance: distance ?? Number.POSITIVE_INFINITY }));
  return { chroma, cairn: ranked, exact };
}

/** The true nearest neighbors, found by an exact search with all index scans disabled. */
async function exactNearest(
  database: Database,
  collection: Collection,
  embedding: Float32Array,
): Promise<readonly Hit[]> {
  const vector = sql`(SELECT ${encodeVector(embedding)}::vector)`;
  const rows = await asTenant(database, collection.tenantId, async (transaction) => {
    await transaction.set({ enable_indexscan: "off", enable_indexonlyscan: "off" });
    return transaction.orm.selectRows<{ id: string; long_id: string | null; order: number }>(sql`
          SELECT id, long_id, ${orderByDistance(collection.metric, vector)} AS "order" FROM cairn.documents
          WHERE ${inCollection(collection)} AND embedding IS NOT NULL
          ORDER BY ${orderByDistance(collection.metric, vector)} LIMIT ${TOP_K}::int`);
  });
  return rows.map((row) => ({
    id: restoreId(row.id, row.long_id),
    distance: distance(collection.metric, row.order),
  }));
}

/** Distances that differ by less than this are a tie, and the order of tied hits does not matter. */
const TIE_TOLERANCE = 1e-5;

/**
 * The share of `truth` that `result` found. A hit counts if `truth` contains it, or if it is as near as the last hit of
 * `truth`.
 */
export function overlap(result: readonly Hit[], truth: readonly Hit[]): number {
  if (truth.length === 0) return result.length === 0 ? 1 : 0;
  const trueIds = new Set(truth.map(({ id }) => id));
  const last = truth.at(-1)?.distance ?? 0;
  const limit = last + TIE_TOLERANCE * Math.max(1, Math.abs(last));
  const found = result.filter(({ id, distance }) => trueIds.has(id) || distance <= limit).length;
  return Math.min(found, truth.length) / truth.length;
}

function summarize(results: readonly QueryResults[]): SearchReport {
  const perQuery = results.map(({ collection, chroma, cairn, exact }) => ({
    collection,
    overlapWithChroma: overlap(cairn, chroma),
    overlapWithExact: overlap(cairn, exact),
  }));
  const names = [...new Set(perQuery.map(({ collection }) => collection))];
  return {
    queries: results.length,
    topK: TOP_K,
    meanOverlapWithChroma: mean(perQuery.map(({ overlapWithChroma }) => overlapWithChroma)),
    meanOverlapWithExact: mean(perQuery.map(({ overlapWithExact }) => overlapWithExact)),
    meanOverlapOfChromaWithExact: mean(results.map(({ chroma, exact }) => overlap(chroma, exact))),
    perCollection: names.map((collection) => {
      const ofCollection = perQuery.filter((result) => result.collection === collection);
      return {
        collection,
        queries: ofCollection.length,
        overlapWithChroma: mean(ofCollection.map(({ overlapWithChroma }) => overlapWithChroma)),
        overlapWithExact: mean(ofCollection.map(({ overlapWithExact }) => overlapWithExact)),
      };
    }),
    perQuery,
    distances: results.flatMap(({ chroma, cairn }) => {
      const cairnDistances = new Map(cairn.map(({ id, distance }) => [id, distance]));
      return chroma.flatMap(({ id, distance }) => {
        const cairnDistance = cairnDistances.get(id);
        return cairnDistance === undefined ? [] : [{ chroma: distance, cairn: cairnDistance }];
      });
    }),
  };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
