import { LRUCache } from "lru-cache";
import type { Database } from "../database/database.ts";
import { wasSearched } from "./latency.ts";

/** Milliseconds after its last search during which a collection counts as searched. */
const SEARCH_WINDOW_MS = 1_000;

/**
 * Pause after a write, as a multiple of the write's duration. While 10,000 rows were written, a search of 100,000 rows took
 * 2.3 times its usual time without the pause, and 1.6 to 1.9 times with it; 6,500 instead of 9,500 rows a second were written.
 */
const PAUSE_RATIO = 1;

/** Longest pause in milliseconds. A write that took longer was waiting for a lock or for a server that was starting. */
const MAX_PAUSE_MS = 250;

/** Longest time in milliseconds that a write waits for the previous one. */
const MAX_WAIT_MS = 1_000;

interface Write {
  readonly ended: Promise<void>;
  /** When the next write may start. Set when this one ends. */
  nextStart: number;
}

/** Collections whose last write is kept in memory. */
const MAX_COLLECTIONS = 10_000;

/** The last write into each collection, by collection id. */
const lastWrites = new WeakMap<object, LRUCache<string, Write>>();

/**
 * Runs a write into a collection, throttled while this process searches the collection: one write runs at a time, followed
 * by a pause for the searches. A write waits at most a second. Without searches, or after a longer gap, it does not wait.
 */
export async function withBackPressure<T>(
  database: Database,
  collectionId: string,
  write: () => Promise<T>,
): Promise<T> {
  const writes = lastWrites.get(database.identity) ?? new LRUCache<string, Write>({ max: MAX_COLLECTIONS });
  lastWrites.set(database.identity, writes);
  const previous = writes.get(collectionId);
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  const current: Write = { ended, nextStart: 0 };
  writes.set(collectionId, current);
  const isThrottled = () => wasSearched(database, collectionId, { withinMs: SEARCH_WINDOW_MS });
  const arrivedAt = performance.now();
  if (previous && isThrottled()) await waitFor(previous.ended, MAX_WAIT_MS);
  const pause = Math.min(previous?.nextStart ?? 0, arrivedAt + MAX_WAIT_MS) - performance.now();
  if (pause > 0 && isThrottled()) await waitFor(undefined, pause);
  const startedAt = performance.now();
  try {
    return await write();
  } finally {
    const now = performance.now();
    current.nextStart = now + Math.min(MAX_PAUSE_MS, PAUSE_RATIO * (now - startedAt));
    resolve();
  }
}

/** Waits for a promise, or until the time is over. Each call sets its own timer: some runtimes cancel a timer with its request. */
function waitFor(promise: Promise<void> | undefined, timeoutMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, timeoutMs);
    void promise?.then(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
