import { setTimeout as sleep } from "node:timers/promises";
import { isTransient } from "@cairn/core/error.ts";

const RETRY_DELAYS_MS = [100, 300, 1_000, 3_000];

/** Retries after transient errors: a dropped connection, a timeout or a conflict with another writer. */
export async function retryTransient<T>(work: () => Promise<T>): Promise<T> {
  for (const delay of RETRY_DELAYS_MS) {
    try {
      return await work();
    } catch (error) {
      if (!isTransient(error)) throw error;
      await sleep(delay);
    }
  }
  return work();
}
