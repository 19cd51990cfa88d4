import type { ChatModel } from "@cairn/core/assistant/chat-message.ts";
import type { JobQueue } from "@cairn/core/job/local-queue.ts";
import type { Services } from "@cairn/core/services.ts";
import type { OpenAPIHono } from "@hono/zod-openapi";
import { cors } from "hono/cors";
import { authenticate } from "./auth/authenticate.ts";
import type { JwtOptions } from "./auth/jwt.ts";
import { requireOperator } from "./auth/require.ts";
import type { Env } from "./context.ts";
import { describeApi } from "./describe.ts";
import { mcpRoutes } from "./mcp/route.ts";
import { createRouter } from "./openapi.ts";
import { problemResponse } from "./problem.ts";
import { limitBody } from "./request/body-limit.ts";
import { type ConcurrencyLimits, limitConcurrency } from "./request/concurrency.ts";
import { limitRequest, limitTime, type RequestLimits } from "./request/deadline.ts";
import { exactJson } from "./request/exact-json.ts";
import { type RateLimit, rateLimit } from "./request/rate-limit.ts";
import { createRouteTable, noRoute, requireRoute } from "./request/route-table.ts";
import { securityHeaders } from "./request/security-headers.ts";
import { chatRoutes } from "./routes/chat.ts";
import { collections } from "./routes/collections.ts";
import { type DocsAssets, docsRoutes } from "./routes/docs.ts";
import { documents } from "./routes/documents.ts";
import { healthRoutes } from "./routes/health.ts";
import { jobRoutes } from "./routes/jobs.ts";
import { keys } from "./routes/keys.ts";
import { search } from "./routes/query.ts";
import { stats } from "./routes/stats.ts";
import { tenants } from "./routes/tenants.ts";
import { tools } from "./routes/tools.ts";
import type { Log } from "./telemetry/log.ts";
import type { Metrics } from "./telemetry/metrics.ts";
import { observeRequests } from "./telemetry/observe.ts";
import type { Observer } from "./telemetry/record.ts";
import { traceRequests } from "./telemetry/trace.ts";

export interface AppOptions extends RequestLimits, RateLimit, ConcurrencyLimits {
  /** Runs what is answered 202. */
  readonly queue: JobQueue;
  /** Undefined: chat is answered 503. */
  readonly chatModel?: ChatModel;
  /** Tokens of an issuer beside the service's own keys. */
  readonly jwt?: JwtOptions;
  readonly log?: Log;
  /** Served at /metrics where given. */
  readonly metrics?: Metrics;
  readonly observers?: readonly Observer[];
  /** Origins whose pages may call the API from a browser. Default: none. */
  readonly corsOrigins?: readonly string[];
  /** Bytes of a body at most. Default 5 MB. */
  readonly maxBody?: number;
  /** Milliseconds that a credential is remembered for, at most 60,000. */
  readonly rememberKeys?: number;
  /** Credentials that are not in force which one address may try a minute. Default 60. */
  readonly unknownKeysPerMinute?: number;
  /** Files of the reference at /docs. Default: it is not served. */
  readonly docs?: DocsAssets;
  /** Routes that the operator alone may use, from a package that this one does not know. */
  readonly operatorRoutes?: readonly OpenAPIHono<Env>[];
}

/** The API over a knowledge base, for any runtime that speaks fetch. Opens nothing. */
export function createApp(services: Services, options: AppOptions) {
  const { log, metrics, maxBody = 5_000_000, corsOrigins = [], operatorRoutes = [] } = options;
  const app = createRouter();
  const observers = [log?.request, metrics?.observe, ...(options.observers ?? [])].filter(
    (one) => one !== undefined,
  );
  app.use("*", traceRequests, observeRequests(observers), securityHeaders);
  app.onError((error, c) => {
    const response = problemResponse(c, error);
    if (response.status === 500) log?.failure(error, { request_id: c.get("requestId") });
    return response;
  });
  const table = createRouteTable(app);
  app.notFound((c) => {
    const { method, path } = c.req;
    const allowed = table.methods(path);
    if (method !== "OPTIONS" || allowed.length === 0) return problemResponse(c, noRoute(table, c.req));
    return c.body(null, 204, { Allow: [...allowed, "OPTIONS"].join(", ") });
  });
  if (corsOrigins.length > 0) app.use("*", cors({ origin: [...corsOrigins], exposeHeaders: ["*"] }));
  const guards = [
    limitTime(options),
    authenticate(services.database, {
      jwt: options.jwt,
      remember: options.rememberKeys,
      unknownKeysPerMinute: options.unknownKeysPerMinute,
    }),
    rateLimit(options),
    requireRoute(table),
    limitBody(maxBody),
    limitConcurrency(options),
    limitRequest(services, options),
    exactJson,
  ] as const;
  app.use("/v1/*", ...guards);
  app.use("/mcp", ...guards);
  app.route("/", mcpRoutes({ log }));
  for (const routes of operatorRoutes) {
    for (const { path } of routes.routes) app.use(path, requireOperator);
    app.route("/", routes);
  }
  if (options.docs) app.route("/", docsRoutes(options.docs));
  if (metrics)
    app.get("/metrics", async (c) =>
      c.body(await metrics.text(), 200, { "Content-Type": metrics.contentType }),
    );
  const api = app
    .route("/", healthRoutes(services))
    .route("/", collections)
    .route("/", documents)
    .route("/", search)
    .route("/", tools)
    .route("/", chatRoutes({ model: options.chatModel, log }))
    .route("/", jobRoutes({ queue: options.queue, log, maxResponse: options.maxResponse }))
    .route("/", stats)
    .route("/", keys)
    .route("/", tenants);
  describeApi(api);
  return api;
}

/** The routes with their inputs and answers, for the typed client. */
export type Api = ReturnType<typeof createApp>;
