import type { Database } from "../database/database.ts";
import type { DayCount } from "./add-counts.ts";
import type { CountUsage } from "./kinds.ts";

/** Counts usage in memory, and adds the counts to those of other processes in `cairn.usage_days`. */
export interface UsageBuffer {
  readonly count: CountUsage;
  /** Adds the counts to the database. If that fails, they are kept for the next time and the error is thrown. */
  flush(): Promise<void>;
  /** `flush`, if the last one was at least an interval ago and something was counted. For processes that are frozen between requests. */
  flushIfDue(): Promise<void>;
  /** Ends the timer and flushes. */
  close(): Promise<void>;
}

export interface UsageBufferOptions {
  /** Milliseconds between two flushes: what a process that is killed can lose. Default 10,000. */
  readonly intervalMs?: number;
  /** Whether a timer flushes. Default true. False: the owner calls `flushIfDue`. */
  readonly hasTimer?: boolean;
  /** Maximum counts in memory: tenants by day, kind and model. Further ones are not counted until the next flush. Default 20,000. */
  readonly maxCounts?: number;
  /** Called when a flush of the timer fails. */
  readonly onError?: (error: unknown) => void;
}

/** Rows of one statement. */
const PAGE = 1_000;

/** Creates a buffer. It opens nothing and starts no timer before something is counted. */
export function createUsageBuffer(
  database: Database,
  { intervalMs = 10_000, hasTimer = true, maxCounts = 20_000, onError }: UsageBufferOptions = {},
): UsageBuffer {
  let counts = new Map<string, DayCount>();
  let flushing: Promise<void> | undefined;
  let flushedAt = Number.NEGATIVE_INFINITY;
  let timer: NodeJS.Timeout | undefined;

  function add({ tenantId, day, kind, model, n }: DayCount): void {
    const key = `${tenantId} ${day} ${kind} ${model}`;
    const known = counts.get(key);
    if (known) known.n += n;
    else if (counts.size < maxCounts) counts.set(key, { tenantId, day, kind, model, n });
  }

  async function flushPending(): Promise<void> {
    const { addCounts } = await import("./add-counts.ts"); // not needed to start
    flushedAt = performance.now();
    const pending = [...counts.entries()].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, count]) => count);
    counts = new Map();
    for (let start = 0; start < pending.length; start += PAGE)
      try {
        await addCounts(database, pending.slice(start, start + PAGE));
      } catch (error) {
        for (const count of pending.slice(start)) add(count);
        throw error;
      }
  }

  /** One flush at a time. A call during a flush also waits for what was counted since it began. */
  async function flush(): Promise<void> {
    await flushing?.catch(() => {}); // its own caller reports it
    if (counts.size === 0) return;
    flushing = flushPending().finally(() => {
      flushing = undefined;
    });
    await flushing;
  }

  function startTimer(): void {
    timer ??= setTimeout(() => {
      timer = undefined;
      flush().catch((error) => {
        startTimer(); // the counts that were kept
        onError?.(error);
      });
    }, intervalMs);
    timer.unref?.();
  }

  return {
    count({ tenantId, kind, model = "", n }) {
      if (n <= 0) return;
      add({ tenantId, day: new Date().toISOString().slice(0, 10), kind, model, n });
      if (hasTimer) startTimer();
    },
    flush,
    async flushIfDue() {
      if (performance.now() - flushedAt >= intervalMs) await flush();
    },
    async close() {
      clearTimeout(timer);
      await flush();
    },
  };
}
