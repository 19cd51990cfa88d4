import type { OpenAPIHono } from "@hono/zod-openapi";
import type { Context, MiddlewareHandler } from "hono";
import type { Env, Principal } from "./context.ts";

/**
 * Another protocol that the app serves next to /v1, from a package that this one does not depend on. Its requests have the
 * same limits: time, size, rate, concurrency. It answers with errors of its own form.
 */
export interface Protocol {
  /** The beginning of its paths: `/api/v2`. */
  readonly path: string;
  /** Routes that require a credential. */
  readonly routes: OpenAPIHono<Env>;
  /** Routes that anybody may call. They read no data. */
  readonly publicRoutes: OpenAPIHono<Env>;
  /** The key or token of a request; undefined: it has none. */
  readonly credential: (headers: Pick<Headers, "get">) => string | undefined;
  /** Who makes a request without a credential. Default: such a request is refused. */
  readonly anonymous?: () => Promise<Principal>;
  /** The part of a namespace's requests that has limits of its own, such as those on one collection. */
  readonly limitShare?: (path: string) => string | undefined;
  /** The response for an error, and for a path without a route (`not_found`, `method_not_allowed`). */
  readonly errorResponse: (c: Context<Env>, error: unknown) => Response;
  /** Reads the body within the limits of the process, before the routes. */
  readonly readBody: MiddlewareHandler<Env>;
  /** Requests per tenant and minute, in place of the service's limit. Default: that limit. */
  readonly requestsPerMinute?: number;
  /** Maximum bytes of a request body. */
  readonly maxBody: number;
  /** Maximum bytes of texts, metadata and URIs in a response. */
  readonly maxResponse: number;
}

/** The protocol of a path; undefined: it is the service's own API. */
export function protocolOf(protocols: readonly Protocol[], path: string): Protocol | undefined {
  return protocols.find((protocol) => path === protocol.path || path.startsWith(`${protocol.path}/`));
}
