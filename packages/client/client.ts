import type { Api } from "@cairn/api/app.ts";
import type { Problem } from "@cairn/api/problem.ts";
import { type ClientResponse, hc } from "hono/client";

export interface ClientOptions {
  /** Where the service is: `https://knowledge.example.com`. */
  readonly url: string;
  /** `cairn_…`, or a token of the service's issuer. */
  readonly key: string;
  /** Default: the global one. */
  readonly fetch?: typeof fetch;
}

/** A refusal or failure that the service answered. */
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
  return hc<Api>(url, { headers: { Authorization: `Bearer ${key}` }, fetch });
}

export type Client = ReturnType<typeof createClient>;

/** What an answer holds. Throws `CairnError` for a refusal or failure. */
export async function read<T>(answering: Promise<ClientResponse<T, number, string>>): Promise<T> {
  const answer = await answering;
  if (answer.ok) return (answer.status === 204 ? undefined : await answer.json()) as T;
  throw await readProblem(answer);
}

async function readProblem(answer: ClientResponse<unknown, number, string>): Promise<CairnError> {
  const retryAfter = answer.headers.get("Retry-After");
  const text = await answer.text();
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
