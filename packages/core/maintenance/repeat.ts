import type { Database } from "../database/database.ts";
import { deleteExpired } from "../retention/delete-expired.ts";
import { measureTenants } from "../usage/measure-tenants.ts";
import { logFailures } from "./index-failure.ts";
import { maintainIndexes } from "./indexes.ts";

export interface RepeatOptions {
  /** Interval between two runs. 0: no runs. */
  readonly minutes: number;
  /** Other scheduled work, such as evaluations, which runs between expiry and index maintenance. Default: none. */
  readonly extra?: () => Promise<void>;
  readonly onError: (error: unknown, about: Readonly<Record<string, string>>) => void;
}

/**
 * Runs expiry, index maintenance and the measurement of tenants in this process at an interval. A run that exceeds the interval replaces the next one.
 * Returns a function that aborts the current run and ends the repetition.
 */
export function repeatMaintenance(database: Database, { minutes, extra, onError }: RepeatOptions): () => Promise<void> {
  if (minutes === 0) return async () => {};
  const abort = new AbortController();
  let running: Promise<void> | undefined;
  const run = async () => {
    try {
      await deleteExpired(database);
      await extra?.();
      const result = await maintainIndexes(database, { signal: abort.signal });
      logFailures(result?.failed ?? [], onError);
      const onTenantError = (error: unknown) => onError(error, { about: "measuring a tenant" });
      await measureTenants(database, { signal: abort.signal, onError: onTenantError });
    } catch (error) {
      if (!abort.signal.aborted) onError(error, { about: "maintenance" });
    }
    running = undefined;
  };
  const timer = setInterval(() => {
    running ??= run();
  }, minutes * 60_000);
  return async () => {
    clearInterval(timer);
    abort.abort();
    await running;
  };
}
