import { AppError } from "@cairn/core/error.ts";
import type { Context } from "hono";
import { createMiddleware } from "hono/factory";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { ownerOf } from "../auth/principal.ts";
import type { Env } from "../context.ts";

const HEADER = "Idempotency-Key";

/**
 * Gives a request with an `Idempotency-Key` one effect and one response, however often it is sent within 24 hours. An
 * error response is not stored: it had no effect, and the request may be corrected and sent again.
 */
export const idempotent = createMiddleware<Env>(async (c, next) => {
  const key = c.req.header(HEADER);
  if (key === undefined) return next();
  if (!/^[\x21-\x7e]{1,255}$/.test(key))
    throw refusal("An Idempotency-Key must have 1 to 255 visible ASCII characters.");
  const tenantId = ownerOf(c.var.principal);
  if (tenantId === null) throw refusal(OPERATOR_REASON);
  const body = await c.req.text();
  const { pathname, search } = new URL(c.req.url);
  const { runIdempotent } = await import("@cairn/core/idempotency/idempotency.ts"); // few requests have a key
  const result = await runIdempotent(
    c.var.backgroundServices.database, // the result is stored even if the request's time is over
    tenantId,
    { key, request: [c.req.method, pathname + search, body], signal: c.var.signal },
    async (makeId) => {
      c.set("makeId", makeId);
      await next();
      return c.get("response");
    },
  );
  if (!result.replayed) return;
  const { response } = result;
  const headers = { ...response.headers, "Idempotency-Replayed": "true" };
  return c.body((response.body || null) as string, response.status as ContentfulStatusCode, headers);
});

/** Refuses an `Idempotency-Key` for a write whose response is not stored, instead of ignoring the header. */
export function refuseIdempotencyKey(reason: string) {
  return createMiddleware<Env>(async (c, next) => {
    if (c.req.header(HEADER) !== undefined) throw refusal(reason);
    await next();
  });
}

const OPERATOR_REASON =
  "An operator's request cannot have an Idempotency-Key: responses are stored for tenants only. Check whether the request took effect, and send it again without the header.";

/** Refuses an `Idempotency-Key` for a write of the operator. */
export const refuseOperatorIdempotencyKey = refuseIdempotencyKey(OPERATOR_REASON);

/** A UUID for something that the request creates. With an `Idempotency-Key`, the same name gives the same id in every attempt. */
export function makeId(c: Context<Env>, name: string): string {
  return c.get("makeId")?.(name) ?? crypto.randomUUID();
}

function refusal(message: string): AppError {
  return new AppError("invalid_input", message, { path: HEADER });
}
