import { setTimeout as sleep } from "node:timers/promises";
import { AppError } from "@cairn/core/error.ts";
import { parseAddress } from "./address.ts";
import { hideSecrets, requestHeaders } from "./headers.ts";
import { createHttpSend, type HttpRequest, type HttpResponse, type HttpSend, ResponseTooLarge } from "./http.ts";
import type { ChromaOptions } from "./options.ts";
import { checkRedirect, MAX_REDIRECTS, REDIRECT_STATUSES } from "./redirect.ts";

/** HTTP requests to one Chroma server. */
export interface ChromaClient {
  /** The server's address without credentials and without a trailing slash. */
  readonly url: string;
  /**
   * Sends a request under `/api/v2` and returns the response parsed by `read`. If `read` throws SyntaxError, the request is
   * retried. Throws `source_unavailable`, `source_invalid` or `not_found`.
   */
  readonly request: RequestFunction<string>;
  /** Like `request`, for a response that is too large to be converted to text. */
  readonly requestBytes: RequestFunction<Buffer>;
}

type RequestFunction<Body> = <T>(
  method: HttpRequest["method"],
  path: string,
  read: (body: Body) => T,
  options?: RequestOptions,
) => Promise<T>;

export interface RequestOptions {
  readonly body?: unknown;
  /** The body as JSON text, instead of `body`. */
  readonly json?: string;
  /** Throws ChromaError at once for status 500 and 413, without retries, because the caller then requests less. */
  readonly failFast?: boolean;
  /** Maximum bytes of the response. Default `MAX_RESPONSE_BYTES`. */
  readonly maxBytes?: number;
}

/** Status of a response that exceeds `maxBytes`. A server or proxy may also send it. */
export const PAYLOAD_TOO_LARGE = 413;

/** A failed request. `status` 0: the response is missing or incomplete. 200: the response cannot be parsed. */
export class ChromaError extends Error {
  readonly status: number;
  /** Target of a redirect. */
  readonly location: string | undefined;
  constructor(status: number, message: string, location?: string) {
    super(message);
    this.status = status;
    this.location = location;
  }
}

/**
 * Creates an HTTP client for a Chroma server. It has what Chroma's own client lacks: a timeout, limited retries, the status
 * of a failure, a path prefix, and headers.
 */
export function createChromaClient(options: ChromaOptions): ChromaClient {
  const address = parseAddress(options.url);
  const headers = requestHeaders(options, address);
  // A redirect may change it, to https or to another prefix on the same host.
  let base = `${address.origin}${address.pathname.replace(/\/+$/, "")}`;
  const send = createHttpSend();
  const { timeout = 60_000, attempts = 6, backoff = 200 } = options;

  async function requestBytes<T>(
    method: HttpRequest["method"],
    path: string,
    read: (bytes: Buffer) => T,
    { body, json, failFast = false, maxBytes }: RequestOptions = {},
  ): Promise<T> {
    const payload = json ?? (body === undefined ? undefined : JSON.stringify(body));
    for (let attempt = 1; ; attempt++) {
      const request = { method, headers, body: payload, maxBytes };
      const outcome = await followRedirects(base, `/api/v2${path}`, (url) => attemptOnce(send, url, request, timeout));
      base = outcome.base;
      const response =
        outcome.response instanceof ChromaError ? outcome.response : readResponse(outcome.response, read);
      if (!(response instanceof ChromaError)) return response;
      if (failFast && (response.status === 500 || response.status === PAYLOAD_TOO_LARGE)) throw response;
      if (!isTransient(response)) throw permanentError(response, base, path);
      if (attempt >= attempts) throw unavailableError(response, base, path, attempt);
      await sleep(backoff * 2 ** (attempt - 1) * (0.5 + Math.random()));
    }
  }
  return {
    get url() {
      return base;
    },
    requestBytes,
    request: (method, path, read, requestOptions) =>
      requestBytes(method, path, (bytes) => read(bytes.toString()), requestOptions),
  };
}

/**
 * Sends a request and follows the redirects that are allowed. Returns the response and the server's new address. Any other
 * redirect is returned as an error that names the destination and why it was not followed.
 */
async function followRedirects(
  base: string,
  path: string,
  send: (url: string) => Promise<HttpResponse | ChromaError>,
): Promise<{ readonly response: HttpResponse | ChromaError; readonly base: string }> {
  let at = { base, url: `${base}${path}` };
  for (let followed = 0; ; followed++) {
    const response = await send(at.url);
    if (!(response instanceof ChromaError) || !REDIRECT_STATUSES.has(response.status))
      return { response, base: response instanceof ChromaError ? base : at.base };
    const redirect = checkRedirect(at.url, at.base, response.location);
    const isLimitReached = redirect.follow && followed >= MAX_REDIRECTS;
    if (redirect.follow && !isLimitReached) at = redirect;
    else {
      const to = redirect.follow ? redirect.url : redirect.destination;
      const why = redirect.follow ? `more than ${MAX_REDIRECTS} redirects in a row` : redirect.reason;
      return {
        response: new ChromaError(response.status, `it redirects to ${to}, which was not followed: ${why}`),
        base,
      };
    }
  }
}

async function attemptOnce(
  send: HttpSend,
  url: string,
  request: HttpRequest,
  timeout: number,
): Promise<HttpResponse | ChromaError> {
  try {
    const response = await send(url, request, timeout);
    if (response.status >= 200 && response.status < 300) return response;
    return new ChromaError(
      response.status,
      extractServerMessage(hideSecrets(response.body.toString(), request.headers)),
      response.location,
    );
  } catch (error) {
    if (error instanceof ResponseTooLarge) return new ChromaError(PAYLOAD_TOO_LARGE, error.message);
    const { code, message } = error as NodeJS.ErrnoException;
    return new ChromaError(0, explainUnreachable(url, code ?? message));
  }
}

/** Describes a failed connection: its code and the likely cause. */
function explainUnreachable(url: string, code: string): string {
  const { protocol, host, hostname } = new URL(url);
  if (code === "ECONNREFUSED")
    return `${code}, nothing listens at ${host}: start Chroma, or set its port (8000 by default)`;
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") return `${code}, the host ${hostname} cannot be resolved`;
  if (protocol === "https:" && /^(EPROTO|ERR_SSL_)/.test(code))
    return `${code}, the server does not use TLS at this address, which may begin with http://`;
  if (protocol === "http:" && /^(HPE_|ECONNRESET)/.test(code))
    return `${code}, its response is not plain HTTP. Does its address begin with https://?`;
  return code;
}

/** Parses a response. The parser's own message is dropped, because it quotes documents. */
function readResponse<T>({ body, type, release }: HttpResponse, read: (bytes: Buffer) => T): T | ChromaError {
  try {
    return read(body);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const what = type && !type.includes("json") ? ` (it sent ${type})` : "";
    return new ChromaError(200, `its response is not complete JSON in Chroma's format${what}`);
  } finally {
    release();
  }
}

/** The error message of the server. It is limited to one line, because it may quote the request. */
function extractServerMessage(text: string): string {
  const match = /"(?:message|detail)"\s*:\s*"((?:[^"\\]|\\.){0,200})/.exec(text);
  return match?.[1] ?? text.slice(0, 100).replaceAll(/\s+/g, " ");
}

/** Status for what the server does not implement, such as sparse vectors on one node. */
const NOT_IMPLEMENTED = 501;

/** Whether a retry can succeed: an incomplete response, overload, or a server error. */
function isTransient({ status }: ChromaError): boolean {
  if (status === NOT_IMPLEMENTED) return false;
  return status === 0 || status === 200 || status === 408 || status === 429 || status >= 500;
}

function permanentError(error: ChromaError, base: string, path: string): AppError {
  if (error.status === 401 || error.status === 403)
    return new AppError(
      "source_unavailable",
      `Chroma at ${base} refused the login (${error.status}). Use --token, --basic user:password or --header 'Name: value'.`,
      { cause: error },
    );
  if (error.status === 404)
    return new AppError("not_found", `Chroma at ${base} has nothing at ${path}: ${error.message}`, {
      cause: error,
    });
  if (REDIRECT_STATUSES.has(error.status))
    return new AppError(
      "source_unavailable",
      `Chroma at ${base} cannot be read at this address (${error.status}): ${error.message}. If that is the server, set --chroma to its address.`,
      { cause: error, path: "--chroma" },
    );
  return new AppError("source_invalid", `Chroma at ${base} refused a request (${error.status}): ${error.message}`, {
    cause: error,
  });
}

function unavailableError(error: ChromaError, base: string, path: string, attempts: number): AppError {
  const what = error.status < 400 ? error.message : `${error.status} ${error.message}`;
  return new AppError(
    "source_unavailable",
    `Chroma at ${base} failed ${attempts} times at ${path.split("?")[0]}: ${what}. Check the server and run the same command again. A migration resumes where it stopped.`,
    { cause: error },
  );
}
