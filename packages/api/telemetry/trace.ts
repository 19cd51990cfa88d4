import { context, propagation, SpanKind, SpanStatusCode, type TextMapGetter, trace } from "@opentelemetry/api";
import { createMiddleware } from "hono/factory";
import type { Env } from "../context.ts";
import { PROBLEMS } from "../problem.ts";
import { onRequestEnd, routePattern } from "./observe.ts";

/** Reads only the headers that a propagator requests. Listing all of them costs more than the rest of this file. */
const HEADERS: TextMapGetter<Headers> = {
  get: (headers, name) => headers.get(name) ?? undefined,
  keys: (headers) => [...headers.keys()],
};

/**
 * Records each request as a span if the process has a tracer, and continues the caller's trace. The span names the route,
 * never the URL, which may contain a document's id or a filter.
 */
export const traceRequests = createMiddleware<Env>(async (c, next) => {
  const parent = propagation.extract(context.active(), c.req.raw.headers, HEADERS);
  const { method } = c.req;
  const span = trace.getTracer("cairn").startSpan(method, { kind: SpanKind.SERVER }, parent);
  try {
    await context.with(trace.setSpan(parent, span), next);
  } finally {
    onRequestEnd(c, () => {
      const route = routePattern(c);
      const { status } = c.res;
      const problem = c.get("problem");
      span.updateName(`${method} ${route}`);
      span.setAttributes({
        "http.request.method": method,
        "http.route": route,
        "http.response.status_code": status,
        "cairn.request_id": c.get("requestId"),
        "cairn.tenant": c.get("principal")?.tenantId ?? "",
      });
      if (status >= 500 || (problem && PROBLEMS[problem].status >= 500)) span.setStatus({ code: SpanStatusCode.ERROR });
      span.end();
    });
  }
});
