import { AppError, type ErrorCode, type Remedy } from "@cairn/core/error.ts";
import type { Context } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { toApiMessage, toApiPath } from "./problem/api-path.ts";
import { HttpError, type HttpErrorCode } from "./problem/http-error.ts";
import { translateUnexpected } from "./problem/unexpected.ts";

/** Codes of the domain and of the HTTP layer. */
export type ProblemCode = ErrorCode | HttpErrorCode;

interface ProblemKind {
  readonly status: ContentfulStatusCode;
  readonly title: string;
  /** Seconds after which a retry may succeed, unless the error has its own value. */
  readonly retryAfter?: number;
}

/** Every error of the service, by its stable code. */
export const PROBLEMS: Readonly<Record<ProblemCode, ProblemKind>> = {
  invalid_input: { status: 400, title: "Invalid request" },
  invalid_filter: { status: 400, title: "Invalid filter" },
  malformed_json: { status: 400, title: "Malformed JSON" },
  unauthorized: { status: 401, title: "Unauthorized" },
  forbidden: { status: 403, title: "Forbidden" },
  not_found: { status: 404, title: "Not found" },
  method_not_allowed: { status: 405, title: "Method not allowed" },
  already_exists: { status: 409, title: "Already exists" },
  read_only_replica: { status: 409, title: "Read-only replica", retryAfter: 1 },
  collection_changed: { status: 409, title: "Collection changed", retryAfter: 1 },
  quality_dropped: { status: 409, title: "Quality dropped" },
  run_held: { status: 409, title: "Another run in progress", retryAfter: 30 },
  idempotency_in_progress: { status: 409, title: "Original request in progress", retryAfter: 5 },
  body_too_large: { status: 413, title: "Request body too large" },
  response_too_large: { status: 413, title: "Response too large" },
  unsupported_media_type: { status: 415, title: "Unsupported media type" },
  dimension_mismatch: { status: 422, title: "Dimension mismatch" },
  embedder_unavailable: { status: 422, title: "Embedding model unavailable" },
  idempotency_conflict: { status: 422, title: "Idempotency key reused" },
  quota_exceeded: { status: 422, title: "Storage quota exceeded" },
  source_invalid: { status: 422, title: "Invalid response from the source" },
  source_unsupported: { status: 422, title: "Source not supported" },
  rate_limited: { status: 429, title: "Rate limit exceeded", retryAfter: 1 },
  tenant_busy: { status: 429, title: "Too many concurrent requests", retryAfter: 1 },
  too_many_watchers: { status: 429, title: "Too many event streams", retryAfter: 5 },
  budget_exceeded: { status: 429, title: "Daily embedding budget exceeded" },
  internal_error: { status: 500, title: "Internal server error" },
  database_error: { status: 500, title: "Database error" },
  unsafe_role: { status: 500, title: "Tenant isolation not enforced" },
  embedding_failed: { status: 502, title: "Embedding server failed", retryAfter: 5 },
  chat_failed: { status: 502, title: "Chat model failed", retryAfter: 5 },
  rerank_failed: { status: 502, title: "Rerank server failed", retryAfter: 5 },
  source_unavailable: { status: 502, title: "Source unavailable", retryAfter: 5 },
  embedding_quota: { status: 503, title: "Embedding quota exceeded", retryAfter: 3600 },
  chat_quota: { status: 503, title: "Chat quota exceeded", retryAfter: 3600 },
  rerank_quota: { status: 503, title: "Rerank quota exceeded", retryAfter: 3600 },
  issuer_unavailable: { status: 503, title: "Token issuer unavailable", retryAfter: 5 },
  chat_not_configured: { status: 503, title: "Chat not configured" },
  rerank_not_configured: { status: 503, title: "Reranking not configured" },
  rerank_misconfigured: { status: 503, title: "Reranking misconfigured" },
  database_unavailable: { status: 503, title: "Database unavailable", retryAfter: 5 },
  database_busy: { status: 503, title: "Database busy", retryAfter: 1 },
  database_exhausted: { status: 503, title: "Database out of resources", retryAfter: 30 },
  schema_outdated: { status: 503, title: "Database schema outdated", retryAfter: 30 },
  replica_behind: { status: 503, title: "Replica behind", retryAfter: 1 },
  database_timeout: { status: 504, title: "Database timeout", retryAfter: 1 },
  deadline_exceeded: { status: 504, title: "Request timeout", retryAfter: 1 },
};

/** The error body of the API (RFC 9457). */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  /** Stable, for programs. */
  readonly code: ProblemCode;
  /** What could not be done, why, and what to do; for people. */
  readonly detail: string;
  /** The invalid part of the request: `documents[3].id`. */
  readonly path?: string;
  readonly request_id: string;
}

/** What to do about an error, in terms of the API. A remedy that only the operator can apply names the operator or is absent. */
const REMEDIES: Readonly<Partial<Record<Remedy, string>>> = {
  choose_directory: "Give the service write access to the folder, or configure another one.",
  list_tenants: "GET /v1/tenants lists them.",
  list_collections: "GET /v1/collections lists them.",
  list_index_failures: "GET /v1/stats lists them.",
  migrate_schema: "The operator of the service must apply the schema migrations.",
  rename_collection: "PATCH /v1/collections/{collection} renames it.",
  reindex: "POST /v1/reindex starts it.",
};

/** The response for any error. An error that the domain does not define is an internal error without its message. */
export function problemResponse(c: Context, error: unknown): Response {
  const apiError = toKnownError(error);
  const problem = toProblem(apiError, c.get("requestId") ?? "");
  c.set("problem", problem.code);
  return c.body(JSON.stringify(problem), PROBLEMS[problem.code].status, {
    "Content-Type": "application/problem+json",
    ...problemHeaders(apiError),
  });
}

/** The headers of the response for any error. */
export function problemHeaders(error: unknown): Record<string, string> {
  const known = toKnownError(error);
  const retryAfter = known.retryAfter ?? PROBLEMS[known.code].retryAfter;
  return {
    ...(retryAfter === undefined ? {} : { "Retry-After": String(Math.max(1, Math.ceil(retryAfter))) }),
    ...(known instanceof HttpError && known.allowed ? { Allow: known.allowed.join(", ") } : {}),
    ...(known.code === "unauthorized" ? { "WWW-Authenticate": 'Bearer realm="cairn"' } : {}),
  };
}

export function describeProblem(error: unknown, requestId: string): Problem {
  return toProblem(toKnownError(error), requestId);
}

type KnownError = AppError | HttpError;

function toKnownError(error: unknown): KnownError {
  return error instanceof AppError || error instanceof HttpError ? error : translateUnexpected(error);
}

function toProblem(error: KnownError, requestId: string): Problem {
  const { status, title } = PROBLEMS[error.code];
  const { detail, path } = error instanceof AppError ? toApiTerms(error) : { detail: error.message, path: error.path };
  return {
    type: `urn:cairn:problem:${error.code}`,
    title,
    status,
    code: error.code,
    detail,
    ...(path === undefined ? {} : { path }),
    request_id: requestId,
  };
}

/** The domain's messages name its options; the API's name fields and routes. */
function toApiTerms({ message, path, remedy }: AppError) {
  const translated = path === undefined ? message : toApiMessage(message, path);
  const instruction = remedy && REMEDIES[remedy];
  return { detail: instruction ? `${translated} ${instruction}` : translated, path: path && toApiPath(path) };
}
