import { setTimeout as sleep } from "node:timers/promises";
import { AppError } from "@cairn/core/error.ts";
import { hideSecrets, requestHeaders } from "./headers.ts";
import { createHttpSend, type Exchange, type HttpAnswer, type HttpSend } from "./http.ts";
import type { ChromaOptions } from "./options.ts";

export interface ChromaClient {
  /** The server's address without credentials and without a slash at the end. */
  readonly url: string;
  /**
   * What `read` makes of the answer to a request under `/api/v2`. An answer at which it throws SyntaxError counts as
   * none: it is asked for again. Throws `source_unavailable`, `source_invalid` or `not_found`.
   */
  request<T>(
    method: "GET" | "POST",
    path: string,
    read: (text: string) => T,
    options?: RequestOptions,
  ): Promise<T>;
  /** The same for an answer whose bytes are too many to make text of. */
  requestBytes<T>(
    method: "GET" | "POST",
    path: string,
    read: (bytes: Buffer) => T,
    options?: RequestOptions,
  ): Promise<T>;
}

export interface RequestOptions {
  readonly body?: unknown;
  /** Answers with a 500 come back at once as ChromaFault: the caller can tell more by asking for less. */
  readonly failFast?: boolean;
}

/** An answer that was no success. `status` 0: there was no whole answer; 200: there was one that cannot be read. */
export class ChromaFault extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/**
 * HTTP to a Chroma server with what its own client lacks: a deadline, bounded retries, the status of a failure, a
 * path prefix, headers.
 */
export function createChromaClient(options: ChromaOptions): ChromaClient {
  const url = parseUrl(options.url);
  const headers = requestHeaders(options, url);
  const base = `${url.origin}${url.pathname.replace(/\/+$/, "")}`;
  const send = createHttpSend();
  const { timeout = 60_000, attempts = 6, backoff = 200 } = options;

  async function requestBytes<T>(
    method: "GET" | "POST",
    path: string,
    read: (bytes: Buffer) => T,
    { body, failFast = false }: RequestOptions = {},
  ): Promise<T> {
    const payload = body === undefined ? undefined : JSON.stringify(body);
    for (let attempt = 1; ; attempt++) {
      const outcome = await attemptOnce(
        send,
        `${base}/api/v2${path}`,
        { method, headers, body: payload },
        timeout,
      );
      const answer = outcome instanceof ChromaFault ? outcome : readAnswer(outcome, read);
      if (!(answer instanceof ChromaFault)) return answer;
      if (failFast && answer.status === 500) throw answer;
      if (!isPassing(answer)) throw refusal(answer, base, path);
      if (attempt >= attempts) throw unavailable(answer, base, path, attempt);
      await sleep(backoff * 2 ** (attempt - 1) * (0.5 + Math.random()));
    }
  }
  return {
    url: base,
    requestBytes,
    request: (method, path, read, requestOptions) =>
      requestBytes(method, path, (bytes) => read(bytes.toString()), requestOptions),
  };
}

function parseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  // An @ in the path was in a password, before a slash that ended the host for the parser.
  if (url && /^https?:$/.test(url.protocol) && !url.pathname.includes("@")) return url;
  throw new AppError(
    "invalid_input",
    `${JSON.stringify(redact(text))} is not the address of a Chroma server. It looks like http://localhost:8000; a password in it is percent-encoded.`,
    { path: "--chroma" },
  );
}

/** Whatever stands before an `@` may be a password, and a password may hold any character. */
function redact(url: string): string {
  return url.replace(/^(\w+:\/\/)?.*@/s, "$1***@");
}

async function attemptOnce(
  send: HttpSend,
  url: string,
  exchange: Exchange,
  timeout: number,
): Promise<HttpAnswer | ChromaFault> {
  try {
    const answer = await send(url, exchange, timeout);
    if (answer.status >= 200 && answer.status < 300) return answer;
    return new ChromaFault(
      answer.status,
      serverMessage(hideSecrets(answer.body.toString(), exchange.headers)),
    );
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return new ChromaFault(0, code ?? message);
  }
}

/** The answer read; a parser's own message quotes documents, so it goes no further. */
function readAnswer<T>({ body, type, release }: HttpAnswer, read: (bytes: Buffer) => T): T | ChromaFault {
  try {
    return read(body);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const what = type && !type.includes("json") ? ` (it sent ${type})` : "";
    return new ChromaFault(200, `its answer is not whole JSON as Chroma sends it${what}`);
  } finally {
    release();
  }
}

/** What the server says of the fault; never more than a line of it, as it may quote the request. */
function serverMessage(text: string): string {
  const match = /"(?:message|detail)"\s*:\s*"((?:[^"\\]|\\.){0,200})/.exec(text);
  return match?.[1] ?? text.slice(0, 100).replaceAll(/\s+/g, " ");
}

/** No whole answer, overload, or a fault of the server: it may go well the next time. */
function isPassing({ status }: ChromaFault): boolean {
  return status === 0 || status === 200 || status === 408 || status === 429 || status >= 500;
}

function refusal(fault: ChromaFault, base: string, path: string): AppError {
  if (fault.status === 401 || fault.status === 403)
    return new AppError(
      "source_unavailable",
      `Chroma at ${base} refused the login (${fault.status}). Give --token, --basic user:password or --header 'Name: value'.`,
      { cause: fault },
    );
  if (fault.status === 404)
    return new AppError("not_found", `Chroma at ${base} has nothing at ${path}: ${fault.message}`, {
      cause: fault,
    });
  return new AppError(
    "source_invalid",
    `Chroma at ${base} refused a request (${fault.status}): ${fault.message}`,
    { cause: fault },
  );
}

function unavailable(fault: ChromaFault, base: string, path: string, attempts: number): AppError {
  const what = fault.status < 400 ? fault.message : `${fault.status} ${fault.message}`;
  return new AppError(
    "source_unavailable",
    `Chroma at ${base} failed ${attempts} times at ${path.split("?")[0]}: ${what}. See to the server and run the same command again: it goes on where it stopped.`,
    { cause: fault },
  );
}
