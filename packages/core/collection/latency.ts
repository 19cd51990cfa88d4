import { LRUCache } from "lru-cache";
import type { Database } from "../database/database.ts";

/** Latencies kept for one collection: 8 kB. */
const MAX_SEARCHES = 1_000;

/** Collections whose latencies are kept: the last ones searched. */
const MAX_COLLECTIONS = 2_000;

/** Latencies of one collection's searches in this process. */
interface Latencies {
  /** Milliseconds of each search. */
  readonly times: number[];
  /** When the last search ended. */
  lastAt: number;
}

/** By collection id. */
const recent = new WeakMap<object, LRUCache<string, Latencies>>();

export interface RecentLatency {
  readonly searches: number;
  /** Milliseconds, without the time to embed texts. */
  readonly p50: number;
  readonly p95: number;
}

/** Records how long a search of a collection took. */
export function recordLatency(database: Database, collectionId: string, milliseconds: number): void {
  const collections = recent.get(database.identity) ?? new LRUCache<string, Latencies>({ max: MAX_COLLECTIONS });
  recent.set(database.identity, collections);
  const latencies = collections.get(collectionId) ?? { times: [], lastAt: 0 };
  collections.set(collectionId, latencies);
  latencies.lastAt = performance.now();
  latencies.times.push(milliseconds);
  if (latencies.times.length > MAX_SEARCHES) latencies.times.shift();
}

/** Latency of this process's recent searches of a collection. Null if there are none. */
export function recentLatency(database: Database, collectionId: string): RecentLatency | null {
  const times = latenciesOf(database, collectionId)?.times.toSorted((a, b) => a - b);
  if (!times?.length) return null;
  const quantile = (share: number) => times[Math.min(times.length - 1, Math.floor(share * times.length))] ?? 0;
  return { searches: times.length, p50: quantile(0.5), p95: quantile(0.95) };
}

/** Whether this process has searched a collection within the last `withinMs` milliseconds. */
export function wasSearched(
  database: Database,
  collectionId: string,
  { withinMs }: { readonly withinMs: number },
): boolean {
  const latencies = latenciesOf(database, collectionId);
  return latencies !== undefined && performance.now() - latencies.lastAt <= withinMs;
}

function latenciesOf(database: Database, collectionId: string): Latencies | undefined {
  return recent.get(database.identity)?.get(collectionId);
}
