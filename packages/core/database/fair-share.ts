import { AppError } from "../error.ts";
import type { Database } from "./database.ts";
import type { Settings } from "./settings.ts";

/** Connections of a pool, unless it is told otherwise. */
export const DEFAULT_CONNECTIONS = 10;

export interface FairShareOptions {
  /** Connections of the pool. */
  readonly connections: number;
  /** Connections that one tenant may use at once. Default: half of the pool; always fewer than the pool has from 3 on. */
  readonly tenantConnections?: number;
  /** Milliseconds that work with a `statement_timeout` waits for its turn, and no longer than that timeout. Default 10,000. */
  readonly waitTimeout?: number;
  /** Milliseconds that any other work waits, as jobs and maintenance do. Default 60,000, or `waitTimeout` where that is given. */
  readonly backgroundTimeout?: number;
}

interface Waiter {
  readonly grant: () => void;
}

/** Owners whose transactions belong to no tenant: the operator, migrations, the login itself. */
const SHARED_OWNERS: ReadonlySet<string> = new Set(["cairn_admin", "cairn_app", "login"]);

/**
 * Divides the connections of a pool among tenants, whatever they are used for: requests, jobs, index maintenance. A tenant
 * uses `tenantConnections` at once at most. The last fifth of the pool goes only to tenants that use none, so that a few
 * busy tenants leave room for the next. Those who wait are served in turn, the one with the fewest connections first, each
 * tenant's own in the order they came. Bounded by the statements that are under way: it remembers nobody else.
 */
export function createFairShare({ connections, tenantConnections }: FairShareOptions) {
  const most = shareOf(connections, tenantConnections);
  const reserved = connections < 4 ? 0 : Math.max(1, Math.floor(connections / 5));
  const used = new Map<string, number>();
  const waiting = new Map<string, Waiter[]>();
  let free = connections;

  function mayTake(owner: string): boolean {
    const own = used.get(owner) ?? 0;
    return free > 0 && own < most && (own === 0 || free > reserved);
  }

  function take(owner: string): void {
    free--;
    used.set(owner, (used.get(owner) ?? 0) + 1);
  }

  function release(owner: string): void {
    free++;
    const own = (used.get(owner) ?? 1) - 1;
    if (own === 0) used.delete(owner);
    else used.set(owner, own);
    grantNext();
  }

  function grantNext(): void {
    for (let owner = nextOwner(); owner !== undefined; owner = nextOwner()) {
      const line = waiting.get(owner) ?? [];
      const [first, ...rest] = line;
      waiting.delete(owner); // and behind the others, where there are more of its own
      if (rest.length > 0) waiting.set(owner, rest);
      take(owner);
      first?.grant();
    }
  }

  function nextOwner(): string | undefined {
    let best: string | undefined;
    for (const owner of waiting.keys())
      if (mayTake(owner) && (best === undefined || (used.get(owner) ?? 0) < (used.get(best) ?? 0)))
        best = owner;
    return best;
  }

  function wait(owner: string, milliseconds: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = Number.isFinite(milliseconds) ? setTimeout(expire, milliseconds) : undefined;
      const waiter: Waiter = {
        grant() {
          clearTimeout(timer);
          resolve();
        },
      };
      const line = waiting.get(owner);
      if (line) line.push(waiter);
      else waiting.set(owner, [waiter]);
      function expire(): void {
        const left = (waiting.get(owner) ?? []).filter((one) => one !== waiter);
        if (left.length > 0) waiting.set(owner, left);
        else waiting.delete(owner);
        reject(refusal(owner, { milliseconds, most, exhausted: free === 0 }));
      }
    });
  }

  /** Waits for a connection of the owner's share; the returned function gives it back. */
  return async function acquire(owner: string, milliseconds: number): Promise<() => void> {
    if (!waiting.has(owner) && mayTake(owner)) take(owner);
    else await wait(owner, milliseconds);
    return () => release(owner);
  };
}

/** The same database with its connections divided among tenants. Throws `tenant_busy` where a tenant's turn does not come. */
export function withFairShare(database: Database, options: FairShareOptions): Database {
  const { waitTimeout = 10_000, backgroundTimeout = options.waitTimeout ?? 60_000 } = options;
  const acquire = createFairShare(options);
  async function share<T>(settings: Settings | undefined, work: (left: Settings | undefined) => Promise<T>) {
    const limit = settings?.statement_timeout;
    const began = performance.now();
    const patience = limit === undefined ? backgroundTimeout : Math.min(waitTimeout, Number(limit));
    const release = await acquire(ownerOf(settings), patience);
    try {
      if (limit === undefined) return await work(settings);
      const waited = Math.floor(performance.now() - began); // what has gone by is not had again
      return await work({ ...settings, statement_timeout: Math.max(1, Number(limit) - waited) });
    } finally {
      release();
    }
  }
  return {
    ...database,
    transaction: (work, settings) => share(settings, (left) => database.transaction(work, left)),
    read: (statements, options) =>
      share(options?.settings, (settings) => database.read(statements, { ...options, settings })),
  };
}

/** At least two, for work that reads while its transaction is open; fewer than the pool has, where that has three or more. */
function shareOf(connections: number, given = Math.ceil(connections / 2)): number {
  if (connections < 3) return connections;
  return Math.min(Math.max(2, given), connections - 1);
}

function ownerOf(settings: Settings = {}): string {
  return String(settings["cairn.tenant_id"] || settings.role || "login");
}

interface Refused {
  readonly milliseconds: number;
  readonly most: number;
  /** Whether it was the whole pool that had no connection free. */
  readonly exhausted: boolean;
}

function refusal(owner: string, { milliseconds, most, exhausted }: Refused): AppError {
  const seconds = Math.round(milliseconds / 100) / 10;
  if (exhausted || SHARED_OWNERS.has(owner))
    return new AppError(
      "database_unavailable",
      `No connection to the database became free within ${seconds} s. Try again.`,
      { retryAfter: 2 },
    );
  return new AppError(
    "tenant_busy",
    `The tenant uses all ${most} of its connections to the database, and none became free within ${seconds} s. Send fewer requests at once, or narrower ones.`,
    { retryAfter: 2 },
  );
}
