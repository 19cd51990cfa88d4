import { AppError, type ErrorCode, type Remedy } from "@cairn/core/error.ts";
import type { Context } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { toApiMessage, toApiPath } from "./problem/api-path.ts";
import { HttpError, type HttpErrorCode } from "./problem/http-error.ts";
import { nameUnexpected } from "./problem/unexpected.ts";

/** What only HTTP can refuse. */
export type ProblemCode = ErrorCode | HttpErrorCode;

interface Kind {
  readonly status: ContentfulStatusCode;
  readonly title: string;
  /** Seconds after which it is worth another try, where the error does not say. */
  readonly retryAfter?: number;
}

/** Every error that the service answers with, by its stable code. */
export const PROBLEMS: Readonly<Record<ProblemCode, Kind>> = {
  invalid_input: { status: 400, title: "The request cannot be used" },
  invalid_filter: { status: 400, title: "The filter cannot be used" },
  malformed_json: { status: 400, title: "The body is not JSON" },
  unauthorized: { status: 401, title: "The credential is missing or not in force" },
  forbidden: { status: 403, title: "The credential does not allow this" },
  not_found: { status: 404, title: "There is no such thing" },
  method_not_allowed: { status: 405, title: "The method is not allowed here" },
  already_exists: { status: 409, title: "It exists already" },
  collection_changed: { status: 409, title: "The collection was changed meanwhile", retryAfter: 1 },
  run_held: { status: 409, title: "Another run is at it", retryAfter: 30 },
  idempotency_in_progress: { status: 409, title: "The first request is still under way", retryAfter: 5 },
  body_too_large: { status: 413, title: "The body is too large" },
  response_too_large: { status: 413, title: "The answer is too large" },
  unsupported_media_type: { status: 415, title: "The body must be application/json" },
  dimension_mismatch: { status: 422, title: "The vector has another size than the collection" },
  embedder_unavailable: { status: 422, title: "The collection's model cannot be used here" },
  idempotency_conflict: { status: 422, title: "The Idempotency-Key belongs to another request" },
  source_invalid: { status: 422, title: "The source's answer cannot be used" },
  source_unsupported: { status: 422, title: "The source is not supported" },
  rate_limited: { status: 429, title: "Too many requests", retryAfter: 1 },
  tenant_busy: { status: 429, title: "Too many requests at once", retryAfter: 1 },
  too_many_watchers: { status: 429, title: "Too many event streams", retryAfter: 5 },
  budget_exceeded: { status: 429, title: "The day's embedding tokens are used up" },
  internal_error: { status: 500, title: "The service failed" },
  database_error: { status: 500, title: "The database refused a statement" },
  unsafe_role: { status: 500, title: "The database does not keep tenants apart" },
  embedding_failed: { status: 502, title: "The embedding server failed", retryAfter: 5 },
  chat_failed: { status: 502, title: "The chat model failed", retryAfter: 5 },
  source_unavailable: { status: 502, title: "The source cannot be reached", retryAfter: 5 },
  embedding_quota: { status: 503, title: "The quota of the embedding server is used up", retryAfter: 3600 },
  chat_quota: { status: 503, title: "The quota of the chat model is used up", retryAfter: 3600 },
  issuer_unavailable: { status: 503, title: "The issuer's keys cannot be read", retryAfter: 5 },
  chat_not_configured: { status: 503, title: "No chat model is configured" },
  database_unavailable: { status: 503, title: "The database cannot be reached", retryAfter: 5 },
  database_busy: { status: 503, title: "Another writer was in the way", retryAfter: 1 },
  database_exhausted: { status: 503, title: "The database has run out of a resource", retryAfter: 30 },
  schema_outdated: { status: 503, title: "The database's schema is not up to date", retryAfter: 30 },
  database_timeout: { status: 504, title: "The database did not answer in time", retryAfter: 1 },
  deadline_exceeded: { status: 504, title: "The time for the request is over", retryAfter: 1 },
};

/** RFC 9457. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  /** Stable; for programs. */
  readonly code: ProblemCode;
  /** What could not be done, why, and the way out; for people. */
  readonly detail: string;
  /** Where in the request the fault is: `documents[3].id`. */
  readonly path?: string;
  readonly request_id: string;
}

/** How the API phrases the way out of an error. What only the operator of the service can do is left to its own words. */
const REMEDIES: Readonly<Partial<Record<Remedy, string>>> = {
  choose_directory: "Give the service the right to write there, or configure another folder.",
  list_tenants: "GET /v1/tenants lists them.",
  list_collections: "GET /v1/collections lists them.",
  list_index_failures: "GET /v1/stats lists them.",
  migrate_schema: "The operator of the service has to apply its schema migrations.",
  rename_collection: "PATCH /v1/collections/{collection} renames it.",
  reindex: "POST /v1/reindex requests it.",
};

/** The answer to whatever was thrown. What the domain does not name is an internal error, without its words. */
export function problemResponse(c: Context, error: unknown): Response {
  const known = toKnown(error);
  const problem = describeKnown(known, c.get("requestId") ?? "");
  const kind = PROBLEMS[problem.code];
  const retryAfter = known.retryAfter ?? kind.retryAfter;
  c.set("problem", problem.code);
  return c.body(JSON.stringify(problem), kind.status, {
    "Content-Type": "application/problem+json",
    ...(retryAfter === undefined ? {} : { "Retry-After": String(Math.max(1, Math.ceil(retryAfter))) }),
    ...(known instanceof HttpError && known.allowed ? { Allow: known.allowed.join(", ") } : {}),
    ...(problem.code === "unauthorized" ? { "WWW-Authenticate": 'Bearer realm="cairn"' } : {}),
  });
}

export function describeProblem(error: unknown, requestId: string): Problem {
  return describeKnown(toKnown(error), requestId);
}

type KnownError = AppError | HttpError;

function toKnown(error: unknown): KnownError {
  return error instanceof AppError || error instanceof HttpError ? error : nameUnexpected(error);
}

function describeKnown(known: KnownError, requestId: string): Problem {
  const { status, title } = PROBLEMS[known.code];
  const { detail, path } =
    known instanceof AppError ? inApiWords(known) : { detail: known.message, path: known.path };
  return {
    type: `urn:cairn:problem:${known.code}`,
    title,
    status,
    code: known.code,
    detail,
    ...(path === undefined ? {} : { path }),
    request_id: requestId,
  };
}

/** The domain speaks of its options, the API of its fields and routes. */
function inApiWords({ message, path, remedy }: AppError) {
  const says = path === undefined ? message : toApiMessage(message, path);
  const wayOut = remedy && REMEDIES[remedy];
  return { detail: wayOut ? `${says} ${wayOut}` : says, path: path && toApiPath(path) };
}
