import type { Database } from "../database/database.ts";
import { isSearched } from "./latency.ts";

/** Milliseconds after a search for which its collection counts as one that is searched. */
const SEARCHED = 1_000;

/**
 * So many times as long as a write took is left to searches behind it. A search of 100,000 rows while 10,000 are written took
 * 2.3 times as long as else, with this 1.6 to 1.9 times; 6,500 rows a second are written, for 9,500.
 */
const LEFT = 1;

/** When the next write into a collection may begin, by its id. */
const turns = new WeakMap<object, Map<string, Promise<void>>>();

/**
 * Writes into a collection. While this process searches it, one write goes at a time and leaves time to the searches
 * behind it; nothing waits before a first write, nor in a collection that nobody searches.
 */
export async function paced<T>(
  database: Database,
  collectionId: string,
  write: () => Promise<T>,
): Promise<T> {
  const collections = turns.get(database.identity) ?? new Map<string, Promise<void>>();
  turns.set(database.identity, collections);
  const before = collections.get(collectionId);
  const { promise: turn, resolve } = Promise.withResolvers<void>();
  collections.set(collectionId, turn);
  if (before && isSearched(database, collectionId, SEARCHED)) await before;
  const began = performance.now();
  try {
    return await write();
  } finally {
    setTimeout(
      () => {
        resolve();
        if (collections.get(collectionId) === turn) collections.delete(collectionId);
      },
      LEFT * (performance.now() - began),
    );
  }
}
