import type { Database } from "../database/database.ts";
import { logFailures } from "./index-failure.ts";
import { maintainIndexes } from "./indexes.ts";
import { sweep } from "./sweep.ts";

export interface RepeatOptions {
  /** Between two runs. 0: none. */
  readonly minutes: number;
  readonly onError: (error: unknown, about: Readonly<Record<string, string>>) => void;
}

/**
 * Every so many minutes removes what has had its time and indexes what has grown, in this process. A run that takes
 * longer is the next one's, too. Returns how to end it, at once.
 */
export function repeatMaintenance(
  database: Database,
  { minutes, onError }: RepeatOptions,
): () => Promise<void> {
  if (minutes === 0) return async () => {};
  const ended = new AbortController();
  let running: Promise<void> | undefined;
  const run = async () => {
    try {
      await sweep(database);
      const maintained = await maintainIndexes(database, { signal: ended.signal });
      logFailures(maintained?.failed ?? [], onError);
    } catch (error) {
      if (!ended.signal.aborted) onError(error, { about: "maintenance" });
    }
    running = undefined;
  };
  const timer = setInterval(() => {
    running ??= run();
  }, minutes * 60_000);
  return async () => {
    clearInterval(timer);
    ended.abort();
    await running;
  };
}
