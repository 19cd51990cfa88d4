import type { Env, Variables } from "@cairn/api/context.ts";
import { createRouter } from "@cairn/api/openapi.ts";
import type { Protocol } from "@cairn/api/protocol.ts";
import { withTimeLimit } from "@cairn/core/database/time-limit.ts";
import type { Context } from "hono";

/** A request for Cairn's own handlers of Chroma's API. */
export interface CairnRequest {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  /** JSON. Undefined: none. */
  readonly body?: string;
}

export interface CairnResponse {
  readonly response: Response;
  /** The error that the response describes. */
  readonly error: unknown;
}

/** Sends a request of `c`'s credential to Cairn's own handlers. `afterwards`: with a time limit of its own, because `c` was answered. */
export type AskCairn = (
  c: Context<Env>,
  request: CairnRequest,
  options?: { readonly afterwards?: { readonly timeoutMs: number } },
) => Promise<CairnResponse>;

/** A slot that counts against no limit: requests after the response are few, see the limits of shadow reads. */
const UNLIMITED_SLOT: Variables["slot"] = { acquireLarge: async () => {}, convertToStream() {}, release() {} };

/** Creates the function that sends requests to these routes without a network. */
export function createAskCairn({ routes, errorResponse }: Pick<Protocol, "routes" | "errorResponse">): AskCairn {
  const calls = new WeakMap<Request, { readonly variables: object; readonly body: string | undefined }>();
  const errors = new WeakMap<Request, unknown>();
  const app = createRouter();
  app.use("*", (c, next) => {
    const call = calls.get(c.req.raw);
    for (const [name, value] of Object.entries(call?.variables ?? {})) c.set(name as never, value as never);
    c.req.text = async () => call?.body ?? "";
    return next();
  });
  app.onError((error, c) => {
    errors.set(c.req.raw, error);
    return errorResponse(c, error);
  });
  app.route("/", routes);
  return async (c, { method, path, body }, { afterwards } = {}) => {
    const request = new Request(`http://localhost${path}`, { method, headers: { "Content-Type": "application/json" } });
    calls.set(request, { variables: afterwards ? afterResponse(c, afterwards.timeoutMs) : c.var, body });
    const response = await app.fetch(request, c.env);
    return { response, error: errors.get(request) };
  };
}

function afterResponse(c: Context<Env>, timeoutMs: number): Partial<Variables> {
  const { backgroundServices } = c.var;
  return {
    ...c.var,
    services: { ...backgroundServices, database: withTimeLimit(backgroundServices.database, timeoutMs) },
    signal: AbortSignal.timeout(timeoutMs),
    slot: UNLIMITED_SLOT,
    usage: { ...c.var.usage },
  };
}
