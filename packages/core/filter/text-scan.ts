import { hasSqlState } from "../database/failure.ts";
import type { Settings } from "../database/settings.ts";
import { AppError } from "../error.ts";
import type { Filter } from "./filter.ts";

/**
 * Milliseconds that a statement with a condition on the text may take. No index supports such a condition, so it reads
 * every text. Shorter than a request's deadline, so that the error names the reason and the connection becomes free.
 */
export const TEXT_SCAN_TIMEOUT_MS = 10_000;

/** Whether a filter reads the text of rows, not only their metadata. */
export function readsText(filter: Filter): boolean {
  if ("filters" in filter) return filter.filters.some(readsText);
  if (filter.kind === "not") return readsText(filter.filter);
  return filter.kind === "content" || filter.kind === "pattern";
}

/**
 * Runs `work` with settings that limit statements with a condition on the text to `TEXT_SCAN_TIMEOUT_MS`. Throws
 * `database_timeout` with the filter and what to do, and `invalid_filter` for a regular expression that is too complex
 * for Postgres. `isTextScan` false: no limit.
 */
export async function scanText<T>(isTextScan: boolean, work: (settings: Settings) => Promise<T>): Promise<T> {
  if (!isTextScan) return work({});
  const startedAt = performance.now();
  try {
    return await work({ statement_timeout: TEXT_SCAN_TIMEOUT_MS });
  } catch (error) {
    if (hasSqlState(error, "2201B"))
      throw new AppError(
        "invalid_filter",
        "where_document has a regular expression that is too complex for the database. Use fewer alternatives, optional parts and word boundaries.",
        { path: "where_document", cause: error },
      );
    const isScanTimeout = performance.now() - startedAt >= TEXT_SCAN_TIMEOUT_MS;
    if (error instanceof AppError && error.code === "database_timeout" && isScanTimeout)
      throw new AppError(
        "database_timeout",
        `The filter on the text could not be applied within ${TEXT_SCAN_TIMEOUT_MS / 1000} s: it reads every text of the collection. Add a filter on metadata, or use a simpler expression.`,
        { path: "where_document", cause: error },
      );
    throw error;
  }
}
