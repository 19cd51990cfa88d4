import { AppError } from "@cairn/core/error.ts";
import { once } from "@cairn/core/idempotency/idempotency.ts";
import type { Context } from "hono";
import { createMiddleware } from "hono/factory";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import type { Env } from "../context.ts";

const HEADER = "Idempotency-Key";

/**
 * A request with an `Idempotency-Key` has one effect, however often it is sent within 24 hours, and each time the same
 * answer. A refusal or failure is not kept: it had no effect, and the request may be sent again, mended.
 */
export const idempotent = createMiddleware<Env>(async (c, next) => {
  const key = c.req.header(HEADER);
  if (key === undefined) return next();
  if (!/^[\x21-\x7e]{1,255}$/.test(key))
    throw refusal("An Idempotency-Key is 1 to 255 visible ASCII characters.");
  const { tenantId } = c.var.principal;
  if (tenantId === null) throw refusal(OPERATOR);
  const body = await c.req.text();
  const { pathname, search } = new URL(c.req.url);
  const done = await once(
    c.var.lasting.database, // what a request did is written down though its time be over
    tenantId,
    { key, request: [c.req.method, pathname + search, body], signal: c.var.signal },
    async (makeId) => {
      c.set("makeId", makeId);
      await next();
      return c.get("answer");
    },
  );
  if (!done.replayed) return;
  const { answer } = done;
  const headers = { ...answer.headers, "Idempotency-Replayed": "true" };
  return c.body((answer.body || null) as string, answer.status as ContentfulStatusCode, headers);
});

/** For a write whose answer is not kept: what an `Idempotency-Key` asks for is refused, never passed over. */
export function unrepeatable(why: string) {
  return createMiddleware<Env>(async (c, next) => {
    if (c.req.header(HEADER) !== undefined) throw refusal(why);
    await next();
  });
}

const OPERATOR =
  "An operator's request takes no Idempotency-Key: answers are kept for tenants. Look whether it was done, and send it again without one.";

/** For a write that the operator alone may ask for. */
export const ofOperator = unrepeatable(OPERATOR);

/** An id of the request's making, a UUID: with an `Idempotency-Key` the same one for the same name, however often it is done. */
export function makeId(c: Context<Env>, name: string): string {
  return c.get("makeId")?.(name) ?? crypto.randomUUID();
}

function refusal(message: string): AppError {
  return new AppError("invalid_input", message, { path: HEADER });
}
