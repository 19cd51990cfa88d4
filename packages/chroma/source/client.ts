import { setTimeout as sleep } from "node:timers/promises";
import { AppError } from "@cairn/core/error.ts";
import { parseAddress } from "./address.ts";
import { hideSecrets, requestHeaders } from "./headers.ts";
import { AnswerTooLarge, createHttpSend, type Exchange, type HttpAnswer, type HttpSend } from "./http.ts";
import type { ChromaOptions } from "./options.ts";
import { judgeRedirect, MAX_REDIRECTS, REDIRECTS } from "./redirect.ts";

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
  /** Bytes of the answer that are read at most. Default `MAX_ANSWER_BYTES`. */
  readonly maxBytes?: number;
}

/** Status of an answer that is larger than what is read of one, from the server or a proxy, too. */
export const TOO_LARGE = 413;

/** An answer that was no success. `status` 0: there was no whole answer; 200: there was one that cannot be read. */
export class ChromaFault extends Error {
  readonly status: number;
  /** Where a redirect leads. */
  readonly location: string | undefined;
  constructor(status: number, message: string, location?: string) {
    super(message);
    this.status = status;
    this.location = location;
  }
}

/**
 * HTTP to a Chroma server with what its own client lacks: a deadline, bounded retries, the status of a failure, a
 * path prefix, headers.
 */
export function createChromaClient(options: ChromaOptions): ChromaClient {
  const address = parseAddress(options.url);
  const headers = requestHeaders(options, address);
  // A redirect of the server's may move it: to https, or to another prefix of the same host.
  let base = `${address.origin}${address.pathname.replace(/\/+$/, "")}`;
  const send = createHttpSend();
  const { timeout = 60_000, attempts = 6, backoff = 200 } = options;

  async function requestBytes<T>(
    method: "GET" | "POST",
    path: string,
    read: (bytes: Buffer) => T,
    { body, failFast = false, maxBytes }: RequestOptions = {},
  ): Promise<T> {
    const payload = body === undefined ? undefined : JSON.stringify(body);
    for (let attempt = 1; ; attempt++) {
      const exchange = { method, headers, body: payload, maxBytes };
      const outcome = await followRedirects(base, `/api/v2${path}`, (url) =>
        attemptOnce(send, url, exchange, timeout),
      );
      base = outcome.base;
      const answer =
        outcome.answer instanceof ChromaFault ? outcome.answer : readAnswer(outcome.answer, read);
      if (!(answer instanceof ChromaFault)) return answer;
      if (failFast && (answer.status === 500 || answer.status === TOO_LARGE)) throw answer;
      if (!isTransient(answer)) throw refusal(answer, base, path);
      if (attempt >= attempts) throw unavailable(answer, base, path, attempt);
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
 * The answer to a request after the redirects that may be followed, and the server's address behind them. Any other
 * redirect stays a fault, which says where it leads and why nothing was sent there.
 */
async function followRedirects(
  base: string,
  path: string,
  send: (url: string) => Promise<HttpAnswer | ChromaFault>,
): Promise<{ readonly answer: HttpAnswer | ChromaFault; readonly base: string }> {
  let at = { base, url: `${base}${path}` };
  for (let followed = 0; ; followed++) {
    const answer = await send(at.url);
    if (!(answer instanceof ChromaFault) || !REDIRECTS.has(answer.status))
      return { answer, base: answer instanceof ChromaFault ? base : at.base };
    const redirect = judgeRedirect(at.url, at.base, answer.location);
    const circling = redirect.follow && followed >= MAX_REDIRECTS;
    if (redirect.follow && !circling) at = redirect;
    else {
      const to = redirect.follow ? redirect.url : redirect.to;
      const why = redirect.follow ? `more than ${MAX_REDIRECTS} redirects in a row` : redirect.why;
      return {
        answer: new ChromaFault(answer.status, `it redirects to ${to}, which was not followed: ${why}`),
        base,
      };
    }
  }
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
      answer.location,
    );
  } catch (error) {
    if (error instanceof AnswerTooLarge) return new ChromaFault(TOO_LARGE, error.message);
    const { code, message } = error as NodeJS.ErrnoException;
    return new ChromaFault(0, explainUnreachable(url, code ?? message));
  }
}

/** What a failure of the connection means, beside its code. */
function explainUnreachable(url: string, code: string): string {
  const { protocol, host, hostname } = new URL(url);
  if (code === "ECONNREFUSED")
    return `${code}, nothing listens at ${host}: start Chroma, or name its port (8000 by default)`;
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") return `${code}, there is no host ${hostname}`;
  if (protocol === "https:" && /^(EPROTO|ERR_SSL_)/.test(code))
    return `${code}, the server does not speak TLS there: its address may begin with http://`;
  if (protocol === "http:" && /^(HPE_|ECONNRESET)/.test(code))
    return `${code}, its answer is not plain HTTP. Does its address begin with https://?`;
  return code;
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
function isTransient({ status }: ChromaFault): boolean {
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
  if (REDIRECTS.has(fault.status))
    return new AppError(
      "source_unavailable",
      `Chroma at ${base} cannot be read by this address (${fault.status}): ${fault.message}. If that is the server, give its address to --chroma.`,
      { cause: fault, path: "--chroma" },
    );
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
    `Chroma at ${base} failed ${attempts} times at ${path.split("?")[0]}: ${what}. Check the server and run the same command again. A migration resumes where it stopped.`,
    { cause: fault },
  );
}
