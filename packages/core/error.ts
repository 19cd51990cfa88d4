/** Every error code of the domain. Only the edges (HTTP, the command line) translate these. */
export type ErrorCode =
  | "invalid_input"
  | "invalid_filter"
  | "dimension_mismatch"
  | "response_too_large"
  | "not_found"
  | "already_exists"
  | "collection_changed"
  | "quality_dropped"
  | "read_only_replica"
  | "replica_behind"
  | "embedder_unavailable"
  | "embedding_failed"
  | "embedding_quota"
  | "database_unavailable"
  | "database_busy"
  | "database_error"
  | "database_exhausted"
  | "database_timeout"
  | "schema_outdated"
  | "unsafe_role"
  | "source_unavailable"
  | "source_unsupported"
  | "source_invalid"
  | "run_held"
  | "budget_exceeded"
  | "quota_exceeded"
  | "chat_not_configured"
  | "chat_failed"
  | "chat_quota"
  | "rerank_not_configured"
  | "rerank_misconfigured"
  | "rerank_failed"
  | "rerank_quota"
  | "too_many_watchers"
  | "idempotency_conflict"
  | "idempotency_in_progress"
  | "tenant_busy"
  | "deadline_exceeded";

/** Errors after which the same call may succeed: the database or another request was in the way. */
const TRANSIENT_CODES = [
  "database_unavailable",
  "database_busy",
  "database_timeout",
  "database_exhausted",
  "tenant_busy",
] as const satisfies readonly ErrorCode[];

/** What solves an error. Each edge words it for its users: the API as a route, the command line as a command. */
export type Remedy =
  | "choose_directory"
  | "continue_import"
  | "set_database_url"
  | "list_tenants"
  | "list_collections"
  | "list_index_failures"
  | "migrate_schema"
  | "name_model"
  | "rename_collection"
  | "reindex";

export interface AppErrorOptions {
  readonly cause?: unknown;
  /** Path to the invalid value in the caller's input, such as `where.$and[1].price`. */
  readonly path?: string;
  /** Seconds after which a retry may succeed. */
  readonly retryAfter?: number;
  /** What solves the error, if the wording differs between edges. */
  readonly remedy?: Remedy;
}

/**
 * The only error that the domain throws. Its message says what could not be done, why, and what to do. It names no
 * command, route, flag or environment variable: `remedy` stands for those.
 */
export class AppError extends Error {
  readonly code: ErrorCode;
  readonly path: string | undefined;
  readonly retryAfter: number | undefined;
  readonly remedy: Remedy | undefined;

  constructor(code: ErrorCode, message: string, options: AppErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "AppError";
    this.code = code;
    this.path = options.path;
    this.retryAfter = options.retryAfter;
    this.remedy = options.remedy;
  }
}

/** Whether a retry may succeed, see `TRANSIENT_CODES`. */
export function isTransient(error: unknown): error is AppError {
  return error instanceof AppError && TRANSIENT_CODES.some((code) => code === error.code);
}
