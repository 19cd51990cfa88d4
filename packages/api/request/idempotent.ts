import { AppError } from "@cairn/core/error.ts";
import { once } from "@cairn/core/idempotency/idempotency.ts";
import { createMiddleware } from "hono/factory";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { tenantOf } from "../auth/require.ts";
import type { Env } from "../context.ts";

/** Headers of an answer that are given again with it. */
const KEPT = ["Content-Type", "Location"];

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
  const { answer, replayed } = await once(
    c.var.services.database,
    tenantId,
    {
      key,
      request: [c.req.method, new URL(c.req.url).pathname, body],
      keeps: ({ status }) => status < 400,
      signal: c.var.signal,
    },
    async () => {
      await next();
      const { status, headers } = c.res;
      const kept = KEPT.flatMap((name) => {
        const value = headers.get(name);
        return value === null ? [] : [[name, value] as const];
      });
      return { status, headers: Object.fromEntries(kept), body: await c.res.clone().text() };
    },
  );
  if (!replayed) return;
  const headers = { ...answer.headers, "Idempotency-Replayed": "true" };
  return c.body((answer.body || null) as string, answer.status as ContentfulStatusCode, headers);
});
