import { AppError } from "../error.ts";
import { InvalidReplyError } from "./openai-reply.ts";
import { redact } from "./redact.ts";
import type { Fault } from "./retry.ts";

export interface RequestContext {
  /** Kind of the request. Default `embedding`. */
  readonly service?: "embedding" | "chat" | "rerank";
  /** Server and port, for messages. */
  readonly host: string;
  readonly model: string;
  readonly texts: readonly string[];
  readonly apiKey: string;
  readonly timedOut: boolean;
}

/** The fields of the client's error for a failed response. They are listed here so that the package is not loaded. */
interface ResponseError {
  readonly status: number;
  readonly headers: Headers | undefined;
  readonly error: unknown;
  readonly code: unknown;
  readonly type: unknown;
}

const QUOTA_CODES = new Set(["insufficient_quota", "billing_hard_limit_reached", "billing_not_active"]);
const TRANSIENT_STATUSES = new Set([200, 408, 409, 424, 425, 429]);

/** Statuses that reject the request. */
const REJECTED_STATUSES = new Set([400, 413, 422]);

/** Statuses that one text may cause: TEI returns 424 if its model fails, some proxies return 200. Gateway errors are not among them. */
const TEXT_FAILURE_STATUSES = new Set([200, 424, 500]);

/** Matches a 400 about the API key, as Gemini and others return it. */
const API_KEY_MESSAGE = /\bapi[ _-]?key\b/i;
const PROGRESS_KEPT = "No further requests were sent, and results that are already paid for are kept.";

/** The fault behind a failed request. Undefined: the server did not cause the error. The message contains neither texts nor the key. */
export function explainFailure(error: unknown, request: RequestContext): Fault | undefined {
  const { service = "embedding", host, timedOut } = request;
  const transientFault = (message: string, inputFault?: "failed"): Fault => ({
    code: `${service}_failed`,
    message,
    isTransient: true,
    inputFault,
  });
  if (error instanceof AppError) return undefined;
  if (timedOut) return transientFault(`The ${service} server ${host} did not answer in time.`);
  if (error instanceof InvalidReplyError)
    return transientFault(
      `The response of the ${service} server ${host} cannot be used: ${error.message}.`,
      error.isInputRelated ? "failed" : undefined,
    );
  if (isResponseError(error)) return explainResponse(error, request);
  if (error instanceof SyntaxError)
    return transientFault(
      `The response of the ${service} server ${host} cannot be used: it is not complete JSON.`,
      "failed",
    );
  if (error instanceof Error)
    return transientFault(`The connection to the ${service} server ${host} failed (${findErrorCode(error)}).`);
  return undefined;
}

function explainResponse(error: ResponseError, request: RequestContext): Fault {
  const { status, code, type } = error;
  const { service = "embedding" } = request;
  const cause = { status, code, type, requestId: error.headers?.get("x-request-id") ?? undefined };
  const serverMessage = redact(readServerMessage(error), { texts: request.texts, secret: request.apiKey });
  if (status === 402 || QUOTA_CODES.has(String(code)) || QUOTA_CODES.has(String(type))) {
    const message = `The quota for ${request.model} at ${request.host} is used up (${serverMessage || code || status}). ${PROGRESS_KEPT} Add credit or raise the limit, then try again.`;
    return { code: `${service}_quota`, message, isTransient: false, cause };
  }
  const statusText = status === 200 ? "200 with an error" : status;
  const message = `The ${service} server ${request.host} answered ${statusText}${serverMessage ? `: ${serverMessage}` : ""}${/[.!?…]$/.test(serverMessage) ? "" : "."}`;
  const isRejected = REJECTED_STATUSES.has(status);
  if (status === 401 || status === 403 || (isRejected && API_KEY_MESSAGE.test(serverMessage)))
    return { code: `${service}_failed`, message: `${message} Check the API key.`, isTransient: false, cause };
  const isTransient = status >= 500 || TRANSIENT_STATUSES.has(status);
  return {
    code: `${service}_failed`,
    message,
    isTransient,
    retryAfter: isTransient ? readRetryAfter(error.headers) : undefined,
    cause,
    inputFault: isRejected ? "rejected" : TEXT_FAILURE_STATUSES.has(status) ? "failed" : undefined,
    serverMessage,
  };
}

function isResponseError(error: unknown): error is ResponseError {
  return error instanceof Error && "status" in error && typeof error.status === "number";
}

function readServerMessage({ error }: ResponseError): string {
  if (typeof error !== "object" || error === null) return typeof error === "string" ? error : "";
  return "message" in error && typeof error.message === "string" ? error.message : "";
}

/** Milliseconds to wait, as the server requests. `retry-after` holds seconds or a date. */
function readRetryAfter(headers: Headers | undefined): number | undefined {
  const preciseMilliseconds = Number(headers?.get("retry-after-ms") || Number.NaN);
  if (preciseMilliseconds >= 0) return preciseMilliseconds;
  const value = headers?.get("retry-after");
  if (!value) return undefined;
  const milliseconds = /^\s*[\d.]+\s*$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isFinite(milliseconds) ? Math.max(0, milliseconds) : undefined;
}

/** The error code of the operating system, which is wrapped twice. The wrappers' messages are not shown: they may contain an address with a password. */
function findErrorCode(error: Error): string {
  let current: unknown = error;
  for (let depth = 0; depth < 4 && current instanceof Error; depth++) {
    if ("code" in current && typeof current.code === "string") return current.code;
    current = current.cause;
  }
  return "no complete response arrived";
}
