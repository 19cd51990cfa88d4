import type { Env } from "@cairn/api/context.ts";
import { HttpError } from "@cairn/api/problem/http-error.ts";
import { describeProblem, type ProblemCode, problemHeaders } from "@cairn/api/problem.ts";
import type { Context } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";

/** The names of errors that Chroma's clients know. Python's client chooses the class of its exception by the name. */
export type ChromaErrorName = "InvalidArgumentError" | "NotFoundError" | "InternalError" | "ChromaError";

/** An error in the words of a Chroma server. */
export class ChromaError extends Error {
  readonly status: ContentfulStatusCode;
  readonly error: ChromaErrorName;

  constructor(status: ContentfulStatusCode, error: ChromaErrorName, message: string, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
    this.error = error;
  }
}

export function invalidArgument(message: string): ChromaError {
  return new ChromaError(400, "InvalidArgumentError", message);
}

export function notFound(message: string): ChromaError {
  return new ChromaError(404, "NotFoundError", message);
}

export function alreadyExists(message: string): ChromaError {
  return new ChromaError(409, "ChromaError", message);
}

/** The error for a body whose shape is wrong. `path`: where, such as `metadatas[0].k`; empty: in the body itself. */
export function undeserializable(path: string, reason: string): ChromaError {
  const place = path ? `${path}: ` : "";
  return new ChromaError(
    422,
    "ChromaError",
    `Failed to deserialize the JSON body into the target type: ${place}${reason}`,
  );
}

export function unimplemented(message: string): ChromaError {
  return new ChromaError(501, "ChromaError", message);
}

/** The response for any error: the body of a Chroma server, with the status that its clients expect. */
export function errorResponse(c: Context<Env>, error: unknown): Response {
  if (error instanceof ChromaError) {
    c.set("problem", PROBLEM_CODES[error.status] ?? "internal_error");
    return c.json({ error: error.error, message: error.message }, error.status, traceHeader(c));
  }
  const isRouteError =
    error instanceof HttpError && (error.code === "not_found" || error.code === "method_not_allowed");
  const { code, status, detail } = describeProblem(error, c.get("requestId") ?? "");
  c.set("problem", code);
  const headers = { ...problemHeaders(error), ...traceHeader(c) };
  if (isRouteError) return c.body(null, error.code === "not_found" ? 404 : 405, headers);
  // Without a type, as a Chroma server sends it.
  if (code === "body_too_large") return c.body(new TextEncoder().encode("Payload too large"), 413, headers);
  const answer = STATUSES[code] ?? (status as ContentfulStatusCode);
  return c.json({ error: nameOf(answer), message: messageOf(code, detail) }, answer, headers);
}

/** The header that Python's client adds to its exceptions. */
function traceHeader(c: Context<Env>): Record<string, string> {
  return { "chroma-trace-id": c.get("requestId") ?? "" };
}

/** Codes for the log, by the status of an error. */
const PROBLEM_CODES: Readonly<Partial<Record<number, ProblemCode>>> = {
  400: "invalid_input",
  403: "forbidden",
  404: "not_found",
  409: "already_exists",
  415: "unsupported_media_type",
  422: "invalid_input",
  501: "invalid_input",
};

/** Statuses that differ from those of the service's own API. */
const STATUSES: Readonly<Partial<Record<ProblemCode, ContentfulStatusCode>>> = {
  dimension_mismatch: 400,
  read_only_replica: 503, // clients take a 409 for a record or a collection that exists
};

function nameOf(status: number): ChromaErrorName {
  if (status === 400) return "InvalidArgumentError";
  if (status === 404) return "NotFoundError";
  return status >= 500 ? "InternalError" : "ChromaError";
}

function messageOf(code: ProblemCode, detail: string): string {
  switch (code) {
    case "malformed_json":
      return `Failed to parse the request body as JSON: ${detail}`;
    case "unsupported_media_type":
      return "Expected request with `Content-Type: application/json`";
    case "unauthorized":
    case "forbidden":
      return `Permission denied. ${detail}`;
    default:
      return detail;
  }
}
