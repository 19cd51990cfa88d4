import type { Collection } from "@cairn/core/collection/collection.ts";
import type { Database } from "@cairn/core/database/database.ts";
import { selectRows } from "@cairn/core/database/rows.ts";
import { asTenant } from "@cairn/core/database/transaction.ts";
import { encodeVector } from "@cairn/core/database/vector.ts";
import { restoreId } from "@cairn/core/document/id.ts";
import { inCollection } from "@cairn/core/document/read.ts";
import { distance, orderByDistance } from "@cairn/core/search/metric.ts";
import { query } from "@cairn/core/search/query.ts";
import type { Services } from "@cairn/core/services.ts";
import { sql } from "drizzle-orm";
import type { FailureJudge } from "../copy/failure.ts";
import type { PlannedCollection } from "../plan/plan.ts";
import type { SearchReport } from "../report/report.ts";
import { labelCollections } from "../source/label.ts";
import type { Source } from "../source/source.ts";
import { divideQueries, nearby, sampleVectors } from "./sample.ts";

export interface ParityPair {
  readonly planned: PlannedCollection;
  readonly target: Collection;
  /** Records in the source. */
  readonly count: number;
}

/** Hits a query. */
const TOP_K = 10;

interface Ranked {
  readonly id: string;
  readonly distance: number;
}

export interface SearchOptions {
  /** Searches in all. Default 50; 0: none. */
  readonly queries?: number;
  /** Tells whether an error is of one collection, whose searches are then left out, or of all. */
  readonly judge: FailureJudge;
  /** Aborted: no further search. */
  readonly signal?: AbortSignal;
}

export interface ComparedSearches {
  /** Null where there is nothing to ask, or no vectors of Chroma's to compare with. */
  readonly search: SearchReport | null;
  /** Collections whose searches could not be compared, each with the reason. */
  readonly notices: readonly string[];
}

interface Answer {
  readonly collection: string;
  readonly chroma: readonly Ranked[];
  readonly cairn: readonly Ranked[];
  readonly exact: readonly Ranked[];
}

/**
 * Asks Chroma and Cairn the same questions and compares the first ten hits with each other and with the exact answer.
 * Stops asking when the signal is aborted.
 */
export async function compareSearches(
  services: Services,
  source: Source,
  pairs: readonly ParityPair[],
  { queries = 50, judge, signal }: SearchOptions,
): Promise<ComparedSearches> {
  const copied = pairs.filter(
    ({ planned, target }) => planned.vectors === "copy" && target.dimensions !== null,
  );
  const shares = divideQueries(
    copied.map(({ count }) => count),
    queries,
  );
  const label = labelCollections(pairs.map(({ planned }) => planned.source));
  const answers: Answer[] = [];
  const notices: string[] = [];
  for (const [index, pair] of copied.entries()) {
    if (signal?.aborted) break;
    const collection = label(pair.planned.source);
    try {
      for await (const answer of askSamples(services, source, pair, { count: shares[index] ?? 0, signal }))
        answers.push({ collection, ...answer });
    } catch (error) {
      const { detail } = await judge.judge(pair.planned, error);
      notices.push(`${collection}: its searches could not be compared to the end. ${detail}`);
    }
  }
  return { search: answers.length === 0 ? null : summarize(answers), notices };
}

/** The answers to questions near records of one collection. */
async function* askSamples(
  services: Services,
  source: Source,
  pair: ParityPair,
  { count, signal }: { readonly count: number; readonly signal: AbortSignal | undefined },
): AsyncGenerator<Omit<Answer, "collection">> {
  let seed = 0;
  for await (const vector of sampleVectors(source, pair.planned.source, pair.count, count)) {
    if (signal?.aborted) return;
    yield await ask(services, source, pair, nearby(vector, seed++));
  }
}

async function ask(
  services: Services,
  source: Source,
  { planned, target }: ParityPair,
  embedding: Float32Array,
): Promise<Omit<Answer, "collection">> {
  const [chroma, cairn, exact] = await Promise.all([
    source.query(planned.source, embedding, TOP_K),
    query(services, target.tenantId, { collection: target.id, embedding, topK: TOP_K, include: [] }),
    exactNearest(services.database, target, embedding),
  ]);
  const ranked = cairn.map(({ id, distance }) => ({ id, distance: distance ?? Number.POSITIVE_INFINITY }));
  return { chroma, cairn: ranked, exact };
}

/** The true answer: every vector compared, with every index forbidden. */
async function exactNearest(
  database: Database,
  collection: Collection,
  embedding: Float32Array,
): Promise<readonly Ranked[]> {
  const vector = sql`(SELECT ${encodeVector(embedding)}::vector)`;
  const rows = await asTenant(database, collection.tenantId, async (transaction) => {
    await transaction.set({ enable_indexscan: "off", enable_indexonlyscan: "off" });
    return selectRows<{ id: string; long_id: string | null; order: number }>(
      transaction.orm,
      sql`SELECT id, long_id, ${orderByDistance(collection.metric, vector)} AS "order" FROM cairn.documents
          WHERE ${inCollection(collection)} AND embedding IS NOT NULL
          ORDER BY ${orderByDistance(collection.metric, vector)} LIMIT ${TOP_K}::int`,
    );
  });
  return rows.map((row) => ({
    id: restoreId(row.id, row.long_id),
    distance: distance(collection.metric, row.order),
  }));
}

/** Distances that differ by less are a tie: which of the two comes first says nothing. */
const TIE = 1e-5;

/** The share of `answer` that belongs among the first of `truth`: named there, or as near as its last. */
export function overlap(answer: readonly Ranked[], truth: readonly Ranked[]): number {
  if (truth.length === 0) return answer.length === 0 ? 1 : 0;
  const named = new Set(truth.map(({ id }) => id));
  const last = truth.at(-1)?.distance ?? 0;
  const limit = last + TIE * Math.max(1, Math.abs(last));
  const found = answer.filter(({ id, distance }) => named.has(id) || distance <= limit).length;
  return Math.min(found, truth.length) / truth.length;
}

function summarize(answers: readonly Answer[]): SearchReport {
  const perQuery = answers.map(({ collection, chroma, cairn, exact }) => ({
    collection,
    overlapWithChroma: overlap(cairn, chroma),
    overlapWithExact: overlap(cairn, exact),
  }));
  const names = [...new Set(perQuery.map(({ collection }) => collection))];
  return {
    queries: answers.length,
    topK: TOP_K,
    meanOverlapWithChroma: mean(perQuery.map((one) => one.overlapWithChroma)),
    meanOverlapWithExact: mean(perQuery.map((one) => one.overlapWithExact)),
    meanOverlapOfChromaWithExact: mean(answers.map(({ chroma, exact }) => overlap(chroma, exact))),
    perCollection: names.map((collection) => {
      const own = perQuery.filter((one) => one.collection === collection);
      return {
        collection,
        queries: own.length,
        overlapWithChroma: mean(own.map((one) => one.overlapWithChroma)),
        overlapWithExact: mean(own.map((one) => one.overlapWithExact)),
      };
    }),
    perQuery,
    distances: answers.flatMap(({ chroma, cairn }) => {
      const ours = new Map(cairn.map(({ id, distance }) => [id, distance]));
      return chroma.flatMap(({ id, distance }) => {
        const own = ours.get(id);
        return own === undefined ? [] : [{ chroma: distance, cairn: own }];
      });
    }),
  };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
