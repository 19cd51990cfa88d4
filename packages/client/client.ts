import type { Api } from "@cairn/api/app.ts";
import type { Problem } from "@cairn/api/problem.ts";
import { type ClientResponse, hc } from "hono/client";
import { parseLossless, toSerializable } from "./lossless-json.ts";

export { encodeVector } from "./vector.ts";

export interface ClientOptions {
  /** Base URL of the service: `https://knowledge.example.com`. */
  readonly url: string;
  /** An API key (`cairn_…`), or a token of the configured issuer. */
  readonly key: string;
  /** Default: the global `fetch`. */
  readonly fetch?: typeof fetch;
}

/** An error response of the service, or a request that cannot be sent. */
export class CairnError extends Error {
  readonly problem: Problem;
  /** Stable, for programs. */
  readonly code: Problem["code"];
  readonly status: number;
  /** Seconds after which a retry may succeed. Undefined: a retry does not help. */
  readonly retryAfter: number | undefined;

  constructor(problem: Problem, retryAfter?: number) {
    super(problem.detail);
    this.name = "CairnError";
    this.problem = problem;
    this.code = problem.code;
    this.status = problem.status;
    this.retryAfter = retryAfter;
  }
}

/**
 * Creates a client with the types of the API's routes: `client.v1.query.$post({ json: { query: "…" } })`. The types are
 * inferred from the routes, so they are always current. Pass a response to `read`.
 */
export function createClient({ url, key, fetch = globalThis.fetch }: ClientOptions) {
  return encodeRequests(hc<Api>(url, { headers: { Authorization: `Bearer ${key}` }, fetch }));
}

export type Client = ReturnType<typeof createClient>;

/** Encodes path parameters and bigints in bodies, because `hc` does neither. */
function encodeRequests<T extends object>(routes: T): T {
  return new Proxy(routes, {
    get(target, name) {
      const route = Reflect.get(target, name);
      return typeof route === "function" ? encodeRequests(route) : route;
    },
    apply(target, self, [args, ...options]) {
      const body = args?.json === undefined ? {} : { json: toSerializable(args.json) };
      if (!args?.param) return Reflect.apply(target as never, self, [args && { ...args, ...body }, ...options]);
      const encoded = {
        ...args,
        ...body,
        // A getter, because hc reads it when it makes the request: an invalid value then rejects like any other error.
        get param() {
          const values = Object.entries<string>(args.param);
          return Object.fromEntries(values.map(([name, value]) => [name, encodeParam(name, value)]));
        },
      };
      return Reflect.apply(target as never, self, [encoded, ...options]);
    },
  });
}

/** Octets of a request line that every recipient should support (RFC 9112, section 3). */
const MAX_PARAMETER_LENGTH = 8000;

const REMEDY =
  "Use the id of a collection instead of its name. For documents, send the id in the body: POST /v1/documents/get reads them, POST /v1/documents/update changes and POST /v1/documents/delete deletes them.";

/**
 * A path segment `..`. Encoding does not help: URL parsers treat `%2e%2e` in the same way, and API Gateway's HTTP APIs
 * decode `a%2F..%2Fb` on the way.
 */
const PATH_TRAVERSAL = /(^|[/\\])(\.|%2e){2}([/\\?#]|$)/i;

/** Encodes a path parameter. Throws `CairnError` for a value that a URL cannot hold. */
function encodeParam(name: string, value: unknown): string {
  const refuse = (reason: string) => {
    const shown = typeof value === "string" ? JSON.stringify(value.slice(0, 100)) : String(value);
    const detail = `${name}: ${shown} cannot be part of a URL: ${reason} ${REMEDY}`;
    const type = "urn:cairn:problem:invalid_input";
    const kind = { type, title: "Invalid request", status: 400, code: "invalid_input" } as const;
    return new CairnError({ ...kind, detail, path: name, request_id: "" });
  };
  if (typeof value !== "string" || value === "") throw refuse("it must be a non-empty string.");
  if (!value.isWellFormed()) throw refuse("it contains half of a surrogate pair, which UTF-8 cannot encode.");
  if (value === "." || PATH_TRAVERSAL.test(value.replaceAll(/[\p{Cc} ]/gu, "")))
    throw refuse('a segment "." or ".." leads to another route, even if it is encoded.');
  const encoded = encodeURIComponent(value);
  if (encoded.length > MAX_PARAMETER_LENGTH)
    throw refuse(`it has ${encoded.length} bytes when encoded. The maximum is ${MAX_PARAMETER_LENGTH}.`);
  return encoded;
}

/** Maximum bytes of a response: more than a service sends in any configuration. */
const MAX_RESPONSE_BYTES = 256_000_000;

/** Maximum bytes of an error body. */
const MAX_PROBLEM_BYTES = 1_000_000;

export interface ReadOptions {
  /** Maximum bytes of a response. Default 256 MB. */
  readonly maxBytes?: number;
}

/**
 * Reads the body of a response. An integer beyond 2^53 in metadata is a bigint. Throws `CairnError` for an error response
 * and for a response that is too large.
 */
export async function read<T>(
  responsePromise: Promise<ClientResponse<T, number, string>>,
  { maxBytes = MAX_RESPONSE_BYTES }: ReadOptions = {},
): Promise<T> {
  const response = await responsePromise;
  if (!response.ok) throw await readProblem(response);
  if (response.status === 204) return undefined as T;
  const text = await readText(response, maxBytes);
  if (text === undefined)
    throw new CairnError({
      type: "urn:cairn:problem:response_too_large",
      title: "Response too large",
      status: response.status,
      code: "response_too_large",
      detail: `The response has more than ${maxBytes} bytes. Request less at once, or raise maxBytes.`,
      request_id: response.headers.get("X-Request-Id") ?? "",
    });
  return parseLossless(text) as T;
}

/** Reads the text of a response. Undefined if it has more than `maxBytes` bytes; the rest is then not read. */
async function readText(
  { body }: ClientResponse<unknown, number, string>,
  maxBytes: number,
): Promise<string | undefined> {
  const reader: ReadableStreamDefaultReader<Uint8Array> | undefined = body?.getReader();
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for (let chunk = await reader?.read(); chunk && !chunk.done; chunk = await reader?.read()) {
    bytes += chunk.value.byteLength;
    if (bytes > maxBytes) {
      await reader?.cancel();
      return undefined;
    }
    text += decoder.decode(chunk.value, { stream: true });
  }
  return text + decoder.decode();
}

async function readProblem(response: ClientResponse<unknown, number, string>): Promise<CairnError> {
  const retryAfter = response.headers.get("Retry-After");
  const text = (await readText(response, MAX_PROBLEM_BYTES)) ?? "";
  try {
    const problem = JSON.parse(text) as Problem;
    if (typeof problem.code === "string")
      return new CairnError(problem, retryAfter === null ? undefined : Number(retryAfter));
  } catch {
    // not a response of the service, for example one of a proxy
  }
  return new CairnError({
    type: "about:blank",
    title: "Unexpected response",
    status: response.status,
    code: "internal_error",
    detail: `The response ${response.status} is not from the service: it has no problem description. Check the URL.`,
    request_id: response.headers.get("X-Request-Id") ?? "",
  });
}
