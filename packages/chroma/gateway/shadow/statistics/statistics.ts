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
  /** Receives the errors of writes. Default: ignored. */
  readonly onError?: (error: unknown) => void;
}

const INTERVAL_MS = 5_000;

/** Collects statistics of the cut-over in memory, within limits, and adds them to the database every few seconds. */
export function createRequestStatistics(
  database: Database,
  { interval = INTERVAL_MS, onError = () => {} }: StatisticsOptions = {},
): RequestStatistics {
  const buffers = [createRequestBuffer(database), createDisagreementBuffer(database)] as const;
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
