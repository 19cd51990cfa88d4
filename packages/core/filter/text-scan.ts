import { hasSqlState } from "../database/failure.ts";
import type { Settings } from "../database/settings.ts";
import { AppError } from "../error.ts";
import type { Filter } from "./filter.ts";

/**
 * Milliseconds that a statement with a condition on the text may take. No index serves such a condition, so it reads
 * every text. Shorter than a request's deadline: the caller learns why, and the connection is free again.
 */
export const TEXT_SCAN_TIMEOUT_MS = 10_000;

/** Whether a filter reads the text of rows, and not their metadata alone. */
export function readsText(filter: Filter): boolean {
  switch (filter.kind) {
    case "and":
    case "or":
      return filter.filters.some(readsText);
    case "not":
      return readsText(filter.filter);
    default:
      return filter.kind === "content" || filter.kind === "pattern";
  }
}

/**
 * Runs statements with a condition on the text under `TEXT_SCAN_TIMEOUT_MS`: `work` is given the settings for them.
 * Throws `database_timeout` that names the filter and the way out, and `invalid_filter` for a regular expression that
 * Postgres finds too complex.
 */
export async function scanText<T>(reads: boolean, work: (settings: Settings) => Promise<T>): Promise<T> {
  if (!reads) return work({});
  const began = performance.now();
  try {
    return await work({ statement_timeout: TEXT_SCAN_TIMEOUT_MS });
  } catch (error) {
    if (hasSqlState(error, "2201B"))
      throw new AppError(
        "invalid_filter",
        "where_document holds a regular expression that the database cannot run: it is too complex. Use fewer alternatives, optional pieces and word boundaries.",
        { path: "where_document", cause: error },
      );
    const wasLimit = performance.now() - began >= TEXT_SCAN_TIMEOUT_MS;
    if (error instanceof AppError && error.code === "database_timeout" && wasLimit)
      throw new AppError(
        "database_timeout",
        `The filter on the text could not be applied within ${TEXT_SCAN_TIMEOUT_MS / 1000} s: it reads every text of the collection. Narrow it with a filter on metadata, or use a simpler expression.`,
        { path: "where_document", cause: error },
      );
    throw error;
  }
}
