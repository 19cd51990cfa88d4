import { AppError } from "../error.ts";
import type { Database } from "./database.ts";
import type { Settings } from "./settings.ts";

/**
 * A database for one request with a deadline in `milliseconds` from now. Postgres cancels statements that still run then,
 * and later statements are refused. Throws `database_timeout`. PGlite runs in this process and cannot be interrupted.
 */
export function withTimeLimit(database: Database, milliseconds: number): Database {
  const deadline = performance.now() + milliseconds;
  const limited = (settings?: Settings): Settings => {
    const remaining = Math.floor(deadline - performance.now());
    if (remaining <= 0) throw new AppError("database_timeout", "The time limit of the request is over.");
    const own = Number(settings?.statement_timeout ?? 0) || remaining; // for Postgres, 0 is no limit
    return { ...settings, statement_timeout: Math.min(remaining, own) };
  };
  return {
    ...database,
    transaction: async (work, settings) => database.transaction(work, limited(settings)),
    read: async (statements, options) =>
      database.read(statements, { ...options, settings: limited(options?.settings) }),
  };
}
