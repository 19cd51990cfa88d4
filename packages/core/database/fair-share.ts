import { AppError } from "../error.ts";
import type { Database } from "./database.ts";
import type { Settings } from "./settings.ts";

/** Default number of connections of a pool. */
export const DEFAULT_CONNECTIONS = 10;

export interface FairShareOptions {
  /** Connections of the pool. */
  readonly connections: number;
  /** Maximum connections of one tenant. Default: half of the pool. In a pool of 3 or more, always fewer than all. */
  readonly tenantConnections?: number;
  /** Milliseconds that work with a `statement_timeout` waits for a connection, at most that timeout. Default 10,000. */
  readonly waitTimeout?: number;
  /** Milliseconds that other work waits, such as jobs and maintenance. Default: `waitTimeout` if set, otherwise 60,000. */
  readonly backgroundTimeout?: number;
}

/** Owners that are not tenants: the operator, migrations, the login itself. */
const SHARED_OWNERS: ReadonlySet<string> = new Set(["cairn_admin", "cairn_app", "login"]);

/**
 * Divides the connections of a pool among tenants, for requests, jobs and index maintenance. A tenant uses at most
 * `tenantConnections` at once. The last fifth of the pool is reserved for tenants that use none, so that a few busy
 * tenants leave room for others. The waiting tenant with the fewest connections is served first; within a tenant, the
 * order is first in, first out. Memory is bounded by the running and waiting statements.
 */
export function createFairShare({ connections, tenantConnections }: FairShareOptions) {
  const tenantLimit = limitOf(connections, tenantConnections);
  const reserved = connections < 4 ? 0 : Math.max(1, Math.floor(connections / 5));
  const used = new Map<string, number>();
  const waiting = new Map<string, (() => void)[]>();
  let free = connections;

  function canAcquire(owner: string): boolean {
    const own = used.get(owner) ?? 0;
    return free > 0 && own < tenantLimit && (own === 0 || free > reserved);
  }

  function allocate(owner: string): void {
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
      const [first, ...rest] = waiting.get(owner) ?? [];
      waiting.delete(owner); // the owner's other waiters move behind those of other owners
      if (rest.length > 0) waiting.set(owner, rest);
      allocate(owner);
      first?.();
    }
  }

  function nextOwner(): string | undefined {
    let best: string | undefined;
    for (const owner of waiting.keys())
      if (canAcquire(owner) && (best === undefined || (used.get(owner) ?? 0) < (used.get(best) ?? 0))) best = owner;
    return best;
  }

  function wait(owner: string, milliseconds: number): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = Number.isFinite(milliseconds) ? setTimeout(expire, milliseconds) : undefined;
    function grant(): void {
      clearTimeout(timer);
      resolve();
    }
    function expire(): void {
      const remaining = (waiting.get(owner) ?? []).filter((other) => other !== grant);
      if (remaining.length > 0) waiting.set(owner, remaining);
      else waiting.delete(owner);
      reject(timeoutError(owner, { milliseconds, tenantLimit, isExhausted: free === 0 }));
    }
    waiting.set(owner, [...(waiting.get(owner) ?? []), grant]);
    return promise;
  }

  /** Waits for a connection of the owner's share. The returned function releases it. */
  return async function acquire(owner: string, milliseconds: number): Promise<() => void> {
    if (!waiting.has(owner) && canAcquire(owner)) allocate(owner);
    else await wait(owner, milliseconds);
    return () => release(owner);
  };
}

/** A database whose connections are divided among tenants. Throws `tenant_busy` if a tenant waits too long. */
export function withFairShare(database: Database, options: FairShareOptions): Database {
  const { waitTimeout = 10_000, backgroundTimeout = options.waitTimeout ?? 60_000 } = options;
  const acquire = createFairShare(options);
  async function withConnection<T>(
    settings: Settings | undefined,
    work: (settings: Settings | undefined) => Promise<T>,
  ) {
    const limit = Number(settings?.statement_timeout ?? 0) || undefined; // for Postgres, 0 is no limit
    const startedAt = performance.now();
    const timeout = limit === undefined ? backgroundTimeout : Math.min(waitTimeout, limit);
    const release = await acquire(ownerOf(settings), timeout);
    try {
      if (limit === undefined) return await work(settings);
      const waited = Math.floor(performance.now() - startedAt); // the wait counts against the statement's time limit
      return await work({ ...settings, statement_timeout: Math.max(1, limit - waited) });
    } finally {
      release();
    }
  }
  return {
    ...database,
    transaction: (work, settings) => withConnection(settings, (remaining) => database.transaction(work, remaining)),
    read: (statements, options) =>
      withConnection(options?.settings, (settings) => database.read(statements, { ...options, settings })),
  };
}

/** At least two, for work that reads while its transaction is open. In a pool of three or more, fewer than all. */
function limitOf(connections: number, requested = Math.ceil(connections / 2)): number {
  if (connections < 3) return connections;
  return Math.min(Math.max(2, requested), connections - 1);
}

function ownerOf(settings: Settings = {}): string {
  return String(settings["cairn.tenant_id"] || settings.role || "login");
}

interface TimeoutDetails {
  readonly milliseconds: number;
  readonly tenantLimit: number;
  /** Whether the pool had no free connection at all. */
  readonly isExhausted: boolean;
}

function timeoutError(owner: string, { milliseconds, tenantLimit, isExhausted }: TimeoutDetails): AppError {
  const seconds = Math.round(milliseconds / 100) / 10;
  if (isExhausted || SHARED_OWNERS.has(owner))
    return new AppError("database_unavailable", `No database connection became free within ${seconds} s. Try again.`, {
      retryAfter: 2,
    });
  return new AppError(
    "tenant_busy",
    `The tenant uses all ${tenantLimit} of its database connections, and none became free within ${seconds} s. Send fewer requests at once, or smaller ones.`,
    { retryAfter: 2 },
  );
}
