import type { Database } from "@cairn/core/database/database.ts";
import { createDisagreementBuffer, type Disagreement } from "./disagreements.ts";
import type { RequestEvent } from "./event.ts";
import { createRequestBuffer } from "./requests.ts";

export interface RequestStatistics {
  /** Counts a request. Never throws. */
  record(event: RequestEvent): void;
  /** Keeps a disagreement if it is one of the tenant's worst. Never throws. */
  recordDisagreement(disagreement: Disagreement): void;
  /** Writes what was recorded. Never throws: what cannot be written now is written later. */
  flush(): Promise<void>;
  /** Writes what was recorded, and stops. */
  close(): Promise<void>;
}

export interface StatisticsOptions {
  /** Milliseconds between two writes. Default 5,000. */
  readonly interval?: number;
  /**
   * Rows of counts in memory, of about 500 bytes. Default 20,000: a hundred tenants for a quarter of an hour without a
   * database.
   */
  readonly maxCounts?: number;
  /** Disagreements in memory, of up to 40 kB and usually 2. Default 1,000. */
  readonly maxDisagreements?: number;
  /** Receives the errors of writes. Default: ignored. */
  readonly onError?: (error: unknown) => void;
}

const INTERVAL_MS = 5_000;

/** Collects statistics of the cut-over in memory, within limits, and adds them to the database every few seconds. */
export function createRequestStatistics(
  database: Database,
  { interval = INTERVAL_MS, maxCounts = 20_000, maxDisagreements = 1_000, onError = () => {} }: StatisticsOptions = {},
): RequestStatistics {
  const buffers = [
    createRequestBuffer(database, maxCounts),
    createDisagreementBuffer(database, maxDisagreements),
  ] as const;
  const [requests, disagreements] = buffers;
  let current: Promise<void> | undefined;
  const timer = setInterval(() => void flush(), interval).unref();

  function flush(): Promise<void> {
    current ??= writeAll().finally(() => {
      current = undefined;
    });
    return current;
  }

  async function writeAll(): Promise<void> {
    for (const buffer of buffers)
      try {
        await buffer.flush();
      } catch (error) {
        onError(error);
      }
  }

  return {
    record: requests.add,
    recordDisagreement: disagreements.add,
    flush,
    async close() {
      clearInterval(timer);
      await current;
      await flush();
    },
  };
}
