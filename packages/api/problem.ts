import { AppError, type ErrorCode } from "@cairn/core/error.ts";
import type { Context } from "hono";
import { HTTPException } from "hono/http-exception";
import type { ContentfulStatusCode } from "hono/utils/http-status";

/** What only HTTP can refuse. */
export type HttpErrorCode =
  | "malformed_json"
  | "unauthorized"
  | "forbidden"
  | "method_not_allowed"
  | "body_too_large"
  | "response_too_large"
  | "unsupported_media_type"
  | "issuer_unavailable"
  | "rate_limited"
  | "internal_error";

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
  schema_outdated: { status: 503, title: "The database's schema is not up to date", retryAfter: 30 },
  database_timeout: { status: 504, title: "The database did not answer in time", retryAfter: 1 },
  deadline_exceeded: { status: 504, title: "The time for the request is over", retryAfter: 1 },
};

/** An error of HTTP's own, thrown by a middleware. */
export class HttpError extends Error {
  readonly code: HttpErrorCode;
  readonly path: string | undefined;
  readonly retryAfter: number | undefined;

  constructor(
    code: HttpErrorCode,
    message: string,
    { path, retryAfter }: { readonly path?: string; readonly retryAfter?: number } = {},
  ) {
    super(message);
    this.code = code;
    this.path = path;
    this.retryAfter = retryAfter;
  }
}

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

/** The answer to whatever was thrown. What the domain does not name is an internal error, without its words. */
export function problemResponse(c: Context, error: unknown): Response {
  const problem = describeProblem(error, c.get("requestId") ?? "");
  const kind = PROBLEMS[problem.code];
  const known = error instanceof AppError || error instanceof HttpError ? error.retryAfter : undefined;
  const retryAfter = known ?? kind.retryAfter;
  c.set("problem", problem.code);
  return c.body(JSON.stringify(problem), kind.status, {
    "Content-Type": "application/problem+json",
    ...(retryAfter === undefined ? {} : { "Retry-After": String(retryAfter) }),
    ...(problem.code === "unauthorized" ? { "WWW-Authenticate": 'Bearer realm="cairn"' } : {}),
  });
}

export function describeProblem(error: unknown, requestId: string): Problem {
  const known = error instanceof AppError || error instanceof HttpError ? error : translate(error);
  const { status, title } = PROBLEMS[known.code];
  return {
    type: `urn:cairn:problem:${known.code}`,
    title,
    status,
    code: known.code,
    detail: known.message,
    ...(known.path === undefined ? {} : { path: known.path }),
    request_id: requestId,
  };
}

function translate(error: unknown): HttpError {
  if (error instanceof HTTPException && error.status === 400)
    return new HttpError("malformed_json", "The body is not well-formed JSON.", { path: "body" });
  if (error instanceof SyntaxError)
    return new HttpError("malformed_json", "The body is not well-formed JSON.", { path: "body" });
  return new HttpError(
    "internal_error",
    "The service failed. Try again; where it stays so, report the request's id.",
  );
}
