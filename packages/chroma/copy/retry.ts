import { setTimeout as sleep } from "node:timers/promises";
import { AppError } from "@cairn/core/error.ts";

const PAUSES = [100, 300, 1_000, 3_000];

/** Tries again where a connection dropped or another writer was in the way. */
export async function retryPassing<T>(work: () => Promise<T>): Promise<T> {
  for (const pause of PAUSES) {
    try {
      return await work();
    } catch (error) {
      if (
        !(error instanceof AppError) ||
        !["database_unavailable", "database_busy", "tenant_busy"].includes(error.code)
      )
        throw error;
      await sleep(pause);
    }
  }
  return work();
}
