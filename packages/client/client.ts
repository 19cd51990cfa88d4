import type { Api } from "@cairn/api/app.ts";
import type { Problem } from "@cairn/api/problem.ts";
import { type ClientResponse, hc } from "hono/client";
import { parseExact, toWritable } from "./exact-json.ts";

export interface ClientOptions {
  /** Where the service is: `https://knowledge.example.com`. */
  readonly url: string;
  /** `cairn_…`, or a token of the service's issuer. */
  readonly key: string;
  /** Default: the global one. */
  readonly fetch?: typeof fetch;
}

/** A refusal or failure that the service answered, or what cannot be asked of it. */
export class CairnError extends Error {
  readonly problem: Problem;
  /** Stable; for programs. */
  readonly code: Problem["code"];
  readonly status: number;
  /** Seconds after which it is worth another try; undefined: it is not. */
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
 * The API with the types of its routes: `client.v1.query.$post({ json: { query: "…" } })`. They are the routes' own, so
 * they cannot fall behind. Hand an answer to `read`.
 */
export function createClient({ url, key, fetch = globalThis.fetch }: ClientOptions) {
  return encodeRequests(hc<Api>(url, { headers: { Authorization: `Bearer ${key}` }, fetch }));
}

export type Client = ReturnType<typeof createClient>;

/** The same routes, with what goes into their paths encoded, and bigints written into their bodies: `hc` does neither. */
function encodeRequests<T extends object>(routes: T): T {
  return new Proxy(routes, {
    get(target, name) {
      const route = Reflect.get(target, name);
      return typeof route === "function" ? encodeRequests(route) : route;
    },
    apply(target, self, [args, ...options]) {
      const body = args?.json === undefined ? {} : { json: toWritable(args.json) };
      if (!args?.param)
        return Reflect.apply(target as never, self, [args && { ...args, ...body }, ...options]);
      const encoded = {
        ...args,
        ...body,
        // A getter, as hc reads it where it makes the request: what is refused rejects, as every other refusal does.
        get param() {
          const values = Object.entries<string>(args.param);
          return Object.fromEntries(values.map(([name, value]) => [name, encodeParam(name, value)]));
        },
      };
      return Reflect.apply(target as never, self, [encoded, ...options]);
    },
  });
}

/** Octets that a request line may have at least, wherever it is read (RFC 9112, 3). */
const MAX_PARAMETER_LENGTH = 8000;

const WAY_OUT =
  "A collection can be named by its id; documents are listed by GET /v1/documents, and deleted by POST /v1/documents/delete with their ids in the body.";

/**
 * A part `..`, which no encoding keeps a parser of URLs from following: `%2e%2e` is the same to it. Of `a%2F..%2Fb`, too,
 * one is made where a path is decoded on its way, as API Gateway's HTTP APIs do.
 */
const CLIMBS = /(^|[/\\])(\.|%2e){2}([/\\?#]|$)/i;

/** Throws `CairnError` for what an address cannot hold. */
function encodeParam(name: string, value: unknown): string {
  const refuse = (why: string) => {
    const shown = typeof value === "string" ? JSON.stringify(value.slice(0, 100)) : String(value);
    return new CairnError({
      type: "urn:cairn:problem:invalid_input",
      title: "The request cannot be used",
      status: 400,
      code: "invalid_input",
      detail: `${name}: ${shown} cannot be part of an address: ${why} ${WAY_OUT}`,
      path: name,
      request_id: "",
    });
  };
  if (typeof value !== "string" || value === "") throw refuse("it is no text, or an empty one.");
  if (!value.isWellFormed()) throw refuse("it holds half of a surrogate pair, which UTF-8 has no bytes for.");
  if (value === "." || CLIMBS.test(value.replaceAll(/[\p{Cc} ]/gu, "")))
    throw refuse('a part "." or ".." leads to another route, however it is written.');
  const encoded = encodeURIComponent(value);
  if (encoded.length > MAX_PARAMETER_LENGTH)
    throw refuse(`encoded it has ${encoded.length} bytes, and ${MAX_PARAMETER_LENGTH} are taken everywhere.`);
  return encoded;
}

/** Bytes of an answer: more than a service sends, whatever it is configured to. */
const MAX_ANSWER_BYTES = 256_000_000;

/** Bytes of a problem. */
const MAX_PROBLEM_BYTES = 1_000_000;

export interface ReadOptions {
  /** Bytes of an answer at most. Default 256 MB. */
  readonly maxBytes?: number;
}

/**
 * What an answer holds; an integer beyond 2^53 in metadata is a bigint. Throws `CairnError` for a refusal or failure, and
 * for an answer that is too large.
 */
export async function read<T>(
  answering: Promise<ClientResponse<T, number, string>>,
  { maxBytes = MAX_ANSWER_BYTES }: ReadOptions = {},
): Promise<T> {
  const answer = await answering;
  if (!answer.ok) throw await readProblem(answer);
  if (answer.status === 204) return undefined as T;
  const text = await readText(answer, maxBytes);
  if (text === undefined)
    throw new CairnError({
      type: "urn:cairn:problem:response_too_large",
      title: "The answer is too large",
      status: answer.status,
      code: "response_too_large",
      detail: `The answer has more than ${maxBytes} bytes. Request less at once, or raise maxBytes.`,
      request_id: answer.headers.get("X-Request-Id") ?? "",
    });
  return parseExact(text) as T;
}

/** The text of an answer; undefined, and the rest is not read, where it has more bytes. */
async function readText(
  { body }: ClientResponse<unknown, number, string>,
  maxBytes: number,
): Promise<string | undefined> {
  const reader: ReadableStreamDefaultReader<Uint8Array> | undefined = body?.getReader();
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) {
    bytes += part.value.byteLength;
    if (bytes > maxBytes) {
      await reader?.cancel();
      return undefined;
    }
    text += decoder.decode(part.value, { stream: true });
  }
  return text + decoder.decode();
}

async function readProblem(answer: ClientResponse<unknown, number, string>): Promise<CairnError> {
  const retryAfter = answer.headers.get("Retry-After");
  const text = (await readText(answer, MAX_PROBLEM_BYTES)) ?? "";
  try {
    const problem = JSON.parse(text) as Problem;
    if (typeof problem.code === "string")
      return new CairnError(problem, retryAfter === null ? undefined : Number(retryAfter));
  } catch {
    // not the service's own answer: a proxy's, say
  }
  return new CairnError({
    type: "about:blank",
    title: "Unexpected answer",
    status: answer.status,
    code: "internal_error",
    detail: `What answered ${answer.status} is not the service: it is no problem description. Check the address.`,
    request_id: answer.headers.get("X-Request-Id") ?? "",
  });
}
