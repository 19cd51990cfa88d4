import type { Database } from "../database/database.ts";

/** Searches of one collection that are remembered. */
const REMEMBERED = 1_000;

/** Milliseconds of recent searches by collection id, of this process only. */
const recent = new WeakMap<object, Map<string, number[]>>();

export interface RecentLatency {
  readonly searches: number;
  /** Milliseconds, the model's time for texts left out. */
  readonly p50: number;
  readonly p95: number;
}

/** Remembers how long a search of a collection took. */
export function recordLatency(database: Database, collectionId: string, milliseconds: number): void {
  const collections = recent.get(database.identity) ?? new Map<string, number[]>();
  recent.set(database.identity, collections);
  const times = collections.get(collectionId) ?? [];
  collections.set(collectionId, times);
  times.push(milliseconds);
  if (times.length > REMEMBERED) times.shift();
}

/** What this process has seen of a collection's searches; null where it has seen none. */
export function recentLatency(database: Database, collectionId: string): RecentLatency | null {
  const times = recent
    .get(database.identity)
    ?.get(collectionId)
    ?.toSorted((a, b) => a - b);
  if (!times?.length) return null;
  const at = (share: number) => times[Math.min(times.length - 1, Math.floor(share * times.length))] ?? 0;
  return { searches: times.length, p50: at(0.5), p95: at(0.95) };
}
