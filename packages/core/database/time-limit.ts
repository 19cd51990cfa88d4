import { AppError } from "../error.ts";
import type { Database } from "./database.ts";
import type { Settings } from "./settings.ts";

/**
 * The same database for one request: whatever still runs `milliseconds` from now is cancelled in Postgres itself, and
 * what begins later is refused. Throws `database_timeout`. PGlite answers from this process and cannot be interrupted.
 */
export function withTimeLimit(database: Database, milliseconds: number): Database {
  const deadline = performance.now() + milliseconds;
  const limited = (settings?: Settings): Settings => {
    const left = Math.floor(deadline - performance.now());
    if (left <= 0) throw new AppError("database_timeout", "The time allowed for the request is over.");
    const own = settings?.statement_timeout;
    return { ...settings, statement_timeout: own === undefined ? left : Math.min(left, Number(own)) };
  };
  return {
    ...database,
    transaction: async (work, settings) => database.transaction(work, limited(settings)),
    read: async (statements, options) =>
      database.read(statements, { ...options, settings: limited(options?.settings) }),
  };
}
