import { LRUCache } from "lru-cache";
import type { Database } from "../database/database.ts";
import { isSearched } from "./latency.ts";

/** Milliseconds after a search for which its collection counts as one that is searched. */
const SEARCHED = 1_000;

/**
 * So many times as long as a write took is left to searches behind it. A search of 100,000 rows while 10,000 are written took
 * 2.3 times as long as else, with this 1.6 to 1.9 times; 6,500 rows a second are written, for 9,500.
 */
const LEFT = 1;

/** Milliseconds that are left at most: what took longer has waited for a lock, or a server that wakes up. */
const MAX_PAUSE_MS = 250;

/** Milliseconds that a write waits at most for the one before it. */
const MAX_WAIT_MS = 1_000;

interface Turn {
  readonly ended: Promise<void>;
  /** When the next may begin; known when it has ended. */
  free: number;
}

/** Collections whose last write is remembered. */
const MAX_COLLECTIONS = 10_000;

/** The last write into each collection, by its id. */
const turns = new WeakMap<object, LRUCache<string, Turn>>();

/**
 * Writes into a collection. While this process searches it, one write goes at a time and leaves time to the searches
 * behind it, and none waits longer than a second for that; nothing waits where nobody searches, nor after a pause.
 */
export async function withBackPressure<T>(
  database: Database,
  collectionId: string,
  write: () => Promise<T>,
): Promise<T> {
  const collections = turns.get(database.identity) ?? new LRUCache<string, Turn>({ max: MAX_COLLECTIONS });
  turns.set(database.identity, collections);
  const before = collections.get(collectionId);
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  const turn: Turn = { ended, free: 0 };
  collections.set(collectionId, turn);
  const searched = () => isSearched(database, collectionId, SEARCHED);
  const arrived = performance.now();
  if (before && searched()) await within(before.ended, MAX_WAIT_MS);
  const left = Math.min(before?.free ?? 0, arrived + MAX_WAIT_MS) - performance.now();
  if (left > 0 && searched()) await within(undefined, left);
  const began = performance.now();
  try {
    return await write();
  } finally {
    const now = performance.now();
    turn.free = now + Math.min(MAX_PAUSE_MS, LEFT * (now - began));
    resolve();
  }
}

/** Waits for it so many milliseconds. By a timer of the waiter's own: in some runtimes one ends with the request that set it. */
function within(wanted: Promise<void> | undefined, milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    void wanted?.then(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
