export type HttpErrorCode =
  | "invalid_input"
  | "not_found"
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

export interface HttpErrorOptions {
  readonly path?: string;
  /** Seconds after which a retry may succeed. */
  readonly retryAfter?: number;
  /** The methods that the path supports, for the header `Allow`. */
  readonly allowed?: readonly string[];
}

/** An error of the HTTP layer, thrown by a middleware or a route. */
export class HttpError extends Error {
  readonly code: HttpErrorCode;
  readonly path: string | undefined;
  readonly retryAfter: number | undefined;
  readonly allowed: readonly string[] | undefined;

  constructor(code: HttpErrorCode, message: string, { path, retryAfter, allowed }: HttpErrorOptions = {}) {
    super(message);
    this.code = code;
    this.path = path;
    this.retryAfter = retryAfter;
    this.allowed = allowed;
  }
}
