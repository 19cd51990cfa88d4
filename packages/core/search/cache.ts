import type { SQL } from "drizzle-orm";
import { LRUCache } from "lru-cache";
import type { Database } from "../database/database.ts";
import type { PlannedRead } from "./plan.ts";
import type { SearchTarget } from "./target.ts";

/** A search's plan and statement that may be sent again. `key`: what of the search it depends on. */
export interface CachedRead {
  readonly key: string;
  readonly read: PlannedRead;
}

/** What this process remembers of a database for the next search. Each search checks that its target is up to date. */
export interface SearchCache {
  /** Collections with their indexes, by tenant and name. About 3 kB each. */
  readonly targets: LRUCache<string, SearchTarget>;
  /** The statement that reads the version of a target. */
  readonly versions: WeakMap<SearchTarget, SQL>;
  /** The last unfiltered vector search of a target. With the text of its statement about 25 kB each. */
  readonly reads: LRUCache<SearchTarget, CachedRead>;
  /** Filters that match too many rows for a pre-filter, as digests of about 150 bytes. */
  readonly unselectiveFilters: LRUCache<string, true>;
}

const caches = new WeakMap<object, SearchCache>();

export function searchCache({ identity }: Database): SearchCache {
  const cached = caches.get(identity);
  if (cached) return cached;
  const cache: SearchCache = {
    targets: new LRUCache({ max: 10_000 }),
    versions: new WeakMap(),
    reads: new LRUCache({ max: 500 }),
    unselectiveFilters: new LRUCache({ max: 50_000 }),
  };
  caches.set(identity, cache);
  return cache;
}
