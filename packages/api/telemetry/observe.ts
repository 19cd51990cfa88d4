import type { Context } from "hono";
import { createMiddleware } from "hono/factory";
import { matchedRoutes } from "hono/route";
import type { Env, RequestUsage, UpstreamUsage } from "../context.ts";
import type { Observer, RequestRecord } from "./record.ts";

/** Assigns each request an id, and reports it to the observers when it ends. */
export function observeRequests(observers: readonly Observer[]) {
  return createMiddleware<Env>(async (c, next) => {
    const started = performance.now();
    const received = c.req.header("X-Request-Id");
    const requestId = received && /^[\w-]{8,64}$/.test(received) ? received : crypto.randomUUID();
    c.set("requestId", requestId);
    c.set("usage", {
      ...{ tokens: 0, inputTokens: 0, outputTokens: 0, rerankTokens: 0, reranks: 0, rerankFailures: 0 },
      ...{ rows: undefined, upstream: undefined },
    });
    c.header("X-Request-Id", requestId); // before the response exists: changing it afterwards costs more
    await next();
    onRequestEnd(c, () => {
      const usage = c.get("usage");
      const { tokens, inputTokens, outputTokens, rows, upstream } = usage;
      const code = c.get("problem");
      const record = {
        request_id: requestId,
        tenant: c.get("principal")?.tenantId ?? upstream?.tenantId ?? null,
        method: c.req.method,
        route: routePattern(c),
        status: c.res.status,
        ...(code ? { code } : {}),
        ms: roundMs(performance.now() - started),
        tokens,
        ...(inputTokens > 0 ? { input_tokens: inputTokens, output_tokens: outputTokens } : {}),
        ...rerankFields(usage),
        ...(rows === undefined ? {} : { rows }),
        ...upstreamFields(upstream),
      };
      for (const observe of observers) observe(record);
    });
  });
}

function upstreamFields(upstream: UpstreamUsage | undefined): Pick<RequestRecord, "phase" | "side" | "upstream_ms"> {
  if (!upstream) return {};
  const { phase, side, ms } = upstream;
  return {
    ...(phase === undefined ? {} : { phase }),
    ...(side === undefined ? {} : { side }),
    ...(ms === undefined ? {} : { upstream_ms: roundMs(ms) }),
  };
}

function rerankFields({ rerankTokens, reranks, rerankFailures }: RequestUsage) {
  return {
    ...(reranks > 0 ? { reranks, rerank_tokens: rerankTokens } : {}),
    ...(rerankFailures > 0 ? { rerank_failures: rerankFailures } : {}),
  };
}

function roundMs(milliseconds: number): number {
  return Math.round(milliseconds * 100) / 100;
}

/** Calls back when the request ends: after the last event of a stream, otherwise immediately. */
export function onRequestEnd(c: Context<Env>, callback: () => void): void {
  const streamed = c.get("streamed");
  if (streamed) void streamed.then(callback);
  else callback();
}

/** The pattern of the route, never the URL, which may contain a document's id. */
export function routePattern(c: Context): string {
  return matchedRoutes(c).findLast(({ path }) => !path.endsWith("*"))?.path ?? "none";
}
