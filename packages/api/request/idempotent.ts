import { AppError } from "@cairn/core/error.ts";
import { once } from "@cairn/core/idempotency/idempotency.ts";
import { createMiddleware } from "hono/factory";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { tenantOf } from "../auth/require.ts";
import type { Env } from "../context.ts";

/**
 * A request with an `Idempotency-Key` has one effect, however often it is sent within 24 hours, and each time the same
 * answer. A refusal or failure is not kept: it had no effect, and the request may be sent again, mended.
 */
export const idempotent = createMiddleware<Env>(async (c, next) => {
  const key = c.req.header("Idempotency-Key");
  if (key === undefined) return next();
  if (!/^[\x21-\x7e]{1,255}$/.test(key))
    throw new AppError("invalid_input", "An Idempotency-Key is 1 to 255 visible ASCII characters.", {
      path: "Idempotency-Key",
    });
  const tenantId = tenantOf(c);
  const body = new Uint8Array(await c.req.arrayBuffer());
  const { pathname, search } = new URL(c.req.url);
  const done = await once(
    c.var.lasting.database, // what a request did is written down though its time be over
    tenantId,
    { key, request: [c.req.method, pathname + search, body], signal: c.var.signal },
    async () => {
      await next();
      return c.get("answer");
    },
  );
  if (!done.replayed) return;
  const { answer } = done;
  const headers = { ...answer.headers, "Idempotency-Replayed": "true" };
  return c.body((answer.body || null) as string, answer.status as ContentfulStatusCode, headers);
});
