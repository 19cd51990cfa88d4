import type { Context } from "hono";
import { createMiddleware } from "hono/factory";
import { matchedRoutes } from "hono/route";
import type { Env } from "../context.ts";
import type { Observer } from "./record.ts";

/** Gives each request an id and tells the observers of it when it is over. */
export function observeRequests(observers: readonly Observer[]) {
  return createMiddleware<Env>(async (c, next) => {
    const started = performance.now();
    const given = c.req.header("X-Request-Id");
    const requestId = given && /^[\w-]{8,64}$/.test(given) ? given : crypto.randomUUID();
    c.set("requestId", requestId);
    c.set("facts", { tokens: 0, inputTokens: 0, outputTokens: 0, rows: undefined });
    c.header("X-Request-Id", requestId); // before there is an answer: to change one afterwards costs more
    await next();
    whenOver(c, () => {
      const { tokens, inputTokens, outputTokens, rows } = c.get("facts");
      const code = c.get("problem");
      const record = {
        request_id: requestId,
        tenant: c.get("principal")?.tenantId ?? null,
        method: c.req.method,
        route: routeOf(c),
        status: c.res.status,
        ...(code ? { code } : {}),
        ms: Math.round((performance.now() - started) * 100) / 100,
        tokens,
        ...(inputTokens > 0 ? { input_tokens: inputTokens, output_tokens: outputTokens } : {}),
        ...(rows === undefined ? {} : { rows }),
      };
      for (const observe of observers) observe(record);
    });
  });
}

/** Calls back when a request is over: now, where its answer is not streamed. */
export function whenOver(c: Context<Env>, tell: () => void): void {
  const streamed = c.get("streamed");
  if (streamed) void streamed.then(tell);
  else tell();
}

/** The route's own pattern; never the address, which may name a document. */
export function routeOf(c: Context): string {
  return matchedRoutes(c).findLast(({ path }) => !path.endsWith("*"))?.path ?? "none";
}
