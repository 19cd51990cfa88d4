import {
  context,
  propagation,
  SpanKind,
  SpanStatusCode,
  type TextMapGetter,
  trace,
} from "@opentelemetry/api";
import { createMiddleware } from "hono/factory";
import type { Env } from "../context.ts";
import { PROBLEMS } from "../problem.ts";
import { routeOf, whenOver } from "./observe.ts";

/** Of the caller's headers those that a propagator asks for: to list them all costs more than the rest of this. */
const HEADERS: TextMapGetter<Headers> = {
  get: (headers, name) => headers.get(name) ?? undefined,
  keys: (headers) => [...headers.keys()],
};

/**
 * Each request as a span, where the process has set a tracer up; a caller's own trace goes on. It names the route and
 * never the address, which may hold a document's id or a filter.
 */
export const traceRequests = createMiddleware<Env>(async (c, next) => {
  const parent = propagation.extract(context.active(), c.req.raw.headers, HEADERS);
  const { method } = c.req;
  const span = trace.getTracer("cairn").startSpan(method, { kind: SpanKind.SERVER }, parent);
  try {
    await context.with(trace.setSpan(parent, span), next);
  } finally {
    whenOver(c, () => {
      const route = routeOf(c);
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
      if (status >= 500 || (problem && PROBLEMS[problem].status >= 500))
        span.setStatus({ code: SpanStatusCode.ERROR });
      span.end();
    });
  }
});
