import { setTimeout as sleep } from "node:timers/promises";
import { AppError } from "@cairn/core/error.ts";

export interface ChromaOptions {
  /** The server's address, a path prefix included: `https://host:8000/chroma`. */
  readonly url: string;
  /** Sent as `Authorization: Bearer` and as `X-Chroma-Token`: servers look at one or the other. */
  readonly token?: string;
  /** `user:password` for HTTP basic authentication. */
  readonly basic?: string;
  /** Further headers, as a proxy before the server may want. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Milliseconds that one request may take. Default 60,000. */
  readonly timeout?: number;
  /** Times that a request is tried. Default 6, which waits for 6 s in all. */
  readonly attempts?: number;
  /** Milliseconds before the second try; doubled each time. Default 200. */
  readonly backoff?: number;
}

export interface ChromaClient {
  /** The server's address without credentials and without a slash at the end. */
  readonly url: string;
  /** The text of the answer to a request under `/api/v2`. Throws `source_unavailable` or `source_invalid`. */
  request(method: "GET" | "POST", path: string, body?: unknown, options?: RequestOptions): Promise<string>;
}

export interface RequestOptions {
  /** Answers with a 500 come back at once as ChromaFault: the caller can tell more by asking for less. */
  readonly failFast?: boolean;
}

/** An answer that was no success. `status` 0: there was no whole answer. */
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
  const { timeout = 60_000, attempts = 6, backoff = 200 } = options;

  async function request(
    method: "GET" | "POST",
    path: string,
    body?: unknown,
    { failFast = false }: RequestOptions = {},
  ) {
    const payload = body === undefined ? undefined : JSON.stringify(body);
    for (let attempt = 1; ; attempt++) {
      const outcome = await send(`${base}/api/v2${path}`, { method, headers, body: payload }, timeout);
      if (typeof outcome === "string") return outcome;
      if (failFast && outcome.status === 500) throw outcome;
      if (!isPassing(outcome)) throw refusal(outcome, base, path);
      if (attempt >= attempts) throw unavailable(outcome, base, path, attempt);
      await sleep(backoff * 2 ** (attempt - 1) * (0.5 + Math.random()));
    }
  }
  return { url: base, request };
}

function parseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url && /^https?:$/.test(url.protocol)) return url;
  throw new AppError(
    "invalid_input",
    `${JSON.stringify(redact(text))} is not the address of a Chroma server. It looks like http://localhost:8000.`,
    { path: "--chroma" },
  );
}

/** Whatever stands between `//` and `@` may be a password. */
function redact(url: string): string {
  return url.replace(/\/\/[^/@]*@/, "//***@");
}

function requestHeaders({ token, basic, headers }: ChromaOptions, url: URL): Record<string, string> {
  const inUrl = url.username
    ? `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`
    : undefined;
  const login = basic ?? inUrl;
  return {
    "content-type": "application/json",
    ...(login ? { authorization: `Basic ${Buffer.from(login).toString("base64")}` } : {}),
    ...(token ? { authorization: `Bearer ${token}`, "x-chroma-token": token } : {}),
    ...headers,
  };
}

async function send(url: string, init: RequestInit, timeout: number): Promise<string | ChromaFault> {
  try {
    const response = await fetch(url, { ...init, signal: AbortSignal.timeout(timeout), redirect: "error" });
    const text = await response.text();
    if (!response.ok) return new ChromaFault(response.status, serverMessage(text));
    if (!/[\]}"\d]\s*$/.test(text)) return new ChromaFault(0, "the answer broke off");
    return text;
  } catch (error) {
    const cause = (error as { cause?: { code?: string; message?: string } }).cause;
    const reason = cause?.code ?? cause?.message ?? (error as Error).message;
    return new ChromaFault(
      0,
      (error as Error).name === "TimeoutError" ? `no answer within ${timeout / 1000} s` : reason,
    );
  }
}

/** What the server says of the fault; never more than a line of it, as it may quote the request. */
function serverMessage(text: string): string {
  const match = /"(?:message|detail)"\s*:\s*"((?:[^"\\]|\\.){0,200})/.exec(text);
  return match?.[1] ?? text.slice(0, 100).replaceAll(/\s+/g, " ");
}

/** No whole answer, overload, or a fault of the server: it may go well the next time. */
function isPassing({ status }: ChromaFault): boolean {
  return status === 0 || status === 408 || status === 429 || status >= 500;
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
  const what = fault.status === 0 ? fault.message : `${fault.status} ${fault.message}`;
  return new AppError(
    "source_unavailable",
    `Chroma at ${base} failed ${attempts} times at ${path.split("?")[0]}: ${what}. See to the server and run the same command again: it goes on where it stopped.`,
    { cause: fault },
  );
}
