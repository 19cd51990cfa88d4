import { setTimeout as sleep } from "node:timers/promises";
import { withTimeLimit } from "@cairn/core/database/time-limit.ts";
import type { Services } from "@cairn/core/services.ts";
import { type ComparedRead, compareRead, hasFailed } from "./ask.ts";
import { type BackgroundLimits, createBackgroundQueue } from "./queue.ts";
import type { ShadowRead } from "./read.ts";
import { createSampler } from "./sample.ts";
import type { RequestStatistics } from "./statistics/statistics.ts";

export interface ShadowOptions {
  readonly services: Services;
  readonly statistics: RequestStatistics;
  /** Milliseconds for a read and its comparison. Default 10,000. */
  readonly timeout?: number;
  /** Default: 4 reads at once, 2 of them of one tenant; 100 that wait, 25 of them of one tenant; 64 MiB. */
  readonly limits?: Partial<BackgroundLimits>;
  /** Receives the errors of reads that could not be compared. Default: ignored. */
  readonly onError?: (error: unknown) => void;
}

export interface Shadow {
  /** Compares a read in the background, if it is sampled and there is room. Returns at once and never throws. */
  observe(read: ShadowRead): void;
  /** Ends the running comparisons, and drops those that wait. */
  close(): Promise<void>;
}

const TIMEOUT_MS = 10_000;

/** Bytes of an answer up to which it is compared. */
export const MAX_ANSWER_BYTES = 8 * 1024 * 1024;

const LIMITS: BackgroundLimits = {
  running: 4,
  runningPerTenant: 2,
  queued: 100,
  queuedPerTenant: 25,
  bytes: 64 * 1024 * 1024,
};

/**
 * Sends reads that Chroma has answered to Cairn too, and records whether the answers agree. A read that is sampled but
 * not compared, because a queue is full or the answer is too large, is counted as dropped.
 */
export function createShadow({ services, statistics, ...options }: ShadowOptions): Shadow {
  const { timeout = TIMEOUT_MS, onError = () => {} } = options;
  const queue = createBackgroundQueue({ ...LIMITS, ...options.limits });
  const isSampled = createSampler();
  const dropped = ({ tenantId, kind, chroma }: ShadowRead) => {
    statistics.record({ tenantId, kind, side: "chroma", outcome: "dropped", milliseconds: chroma.milliseconds });
  };

  async function compare(read: ShadowRead): Promise<void> {
    const { tenantId, kind, chroma } = read;
    const startedAt = performance.now();
    let compared: ComparedRead;
    try {
      const database = withTimeLimit(services.database, timeout); // Postgres ends an exact search, too
      const limited = { ...services, database };
      compared = await withinTime(timeout, (signal) => compareRead(read, { services: limited, signal }));
    } catch (error) {
      onError(error);
      compared = { comparison: { outcome: "failed" }, cairn: { milliseconds: performance.now() - startedAt } };
    }
    const { comparison, cairn } = compared;
    const { outcome } = comparison;
    statistics.record({ tenantId, kind, side: "chroma", outcome, milliseconds: chroma.milliseconds });
    if (cairn) statistics.record({ tenantId, kind, side: "cairn", outcome, milliseconds: cairn.milliseconds });
    if ("difference" in comparison)
      statistics.recordDisagreement({ tenantId, collectionId: read.collectionId, kind, ...comparison });
  }

  const waiting = new Set<ShadowRead>();
  return {
    observe(read) {
      if (hasFailed(read.chroma) || !isSampled(read.tenantId, read.sample)) return;
      const bytes = read.chroma.body.byteLength;
      const run = () => {
        waiting.delete(read);
        return compare(read);
      };
      const isQueued = bytes <= MAX_ANSWER_BYTES && queue.add({ tenantId: read.tenantId, bytes, run });
      if (isQueued) waiting.add(read);
      else dropped(read);
    },
    async close() {
      await queue.close();
      for (const read of waiting) dropped(read);
      waiting.clear();
    },
  };
}

/**
 * Runs `work` with a signal that ends it, and does not wait for it any longer than `milliseconds`. Throws a
 * TimeoutError.
 */
async function withinTime<T>(milliseconds: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const ended = new AbortController();
  const signal = AbortSignal.any([AbortSignal.timeout(milliseconds), ended.signal]);
  try {
    return await Promise.race([
      work(signal),
      sleep(milliseconds, undefined, { signal: ended.signal, ref: false }).then(() => {
        throw new DOMException("The comparison took too long.", "TimeoutError");
      }),
    ]);
  } finally {
    ended.abort();
  }
}
