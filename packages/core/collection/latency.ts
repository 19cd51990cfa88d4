import { LRUCache } from "lru-cache";
import type { Database } from "../database/database.ts";

/** Searches of one collection that are remembered: 8 kB. */
const MAX_SEARCHES = 1_000;

/** Collections that are remembered, those searched last. */
const MAX_COLLECTIONS = 2_000;

/** What this process has seen of one collection's searches. */
interface Seen {
  /** Milliseconds of each. */
  readonly times: number[];
  /** When the last one ended. */
  last: number;
}

/** By collection id. */
const recent = new WeakMap<object, LRUCache<string, Seen>>();

export interface RecentLatency {
  readonly searches: number;
  /** Milliseconds, the model's time for texts left out. */
  readonly p50: number;
  readonly p95: number;
}

/** Remembers how long a search of a collection took. */
export function recordLatency(database: Database, collectionId: string, milliseconds: number): void {
  const collections = recent.get(database.identity) ?? new LRUCache<string, Seen>({ max: MAX_COLLECTIONS });
  recent.set(database.identity, collections);
  const seen = collections.get(collectionId) ?? { times: [], last: 0 };
  collections.set(collectionId, seen);
  seen.last = performance.now();
  seen.times.push(milliseconds);
  if (seen.times.length > MAX_SEARCHES) seen.times.shift();
}

/** What this process has seen of a collection's searches; null where it has seen none. */
export function recentLatency(database: Database, collectionId: string): RecentLatency | null {
  const times = seenOf(database, collectionId)?.times.toSorted((a, b) => a - b);
  if (!times?.length) return null;
  const at = (share: number) => times[Math.min(times.length - 1, Math.floor(share * times.length))] ?? 0;
  return { searches: times.length, p50: at(0.5), p95: at(0.95) };
}

/** Whether this process has searched a collection within so many milliseconds. */
export function isSearched(database: Database, collectionId: string, within: number): boolean {
  const seen = seenOf(database, collectionId);
  return seen !== undefined && performance.now() - seen.last <= within;
}

function seenOf(database: Database, collectionId: string): Seen | undefined {
  return recent.get(database.identity)?.get(collectionId);
}
