import { AppError } from "../error.ts";
import type { Database } from "./database.ts";

/**
 * The same database for one request: whatever still runs `milliseconds` from now is cancelled in Postgres itself, and
 * what begins later is refused. Throws `database_timeout`. PGlite answers from this process and cannot be interrupted.
 */
export function withTimeLimit(database: Database, milliseconds: number): Database {
  const deadline = performance.now() + milliseconds;
  const limited = (begin = "") => {
    const left = Math.floor(deadline - performance.now());
    if (left <= 0) throw new AppError("database_timeout", "The time allowed for the request is over.");
    return `SET LOCAL statement_timeout = ${left}; ${begin}`;
  };
  return {
    ...database,
    transaction: async (work, begin) => database.transaction(work, limited(begin)),
    read: async (statements, begin) => database.read(statements, limited(begin)),
  };
}
