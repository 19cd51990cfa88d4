import type { ChatModel } from "@cairn/core/assistant/chat-message.ts";
import type { JobQueue } from "@cairn/core/job/local-queue.ts";
import type { Services } from "@cairn/core/services.ts";
import type { OpenAPIHono } from "@hono/zod-openapi";
import { cors } from "hono/cors";
import { authenticate, bearerToken, createAuthenticator } from "./auth/authenticate.ts";
import type { JwtOptions } from "./auth/jwt.ts";
import { requireOperator } from "./auth/require.ts";
import { type NamespaceResolver, selectTenant } from "./auth/select-tenant.ts";
import type { Env } from "./context.ts";
import { describeApi } from "./describe.ts";
import { mcpRoutes } from "./mcp/route.ts";
import { createRouter } from "./openapi.ts";
import { problemResponse } from "./problem.ts";
import { type Protocol, protocolOf } from "./protocol.ts";
import { limitBody } from "./request/body-limit.ts";
import { type ConcurrencyLimits, limitConcurrency } from "./request/concurrency.ts";
import { enforceDeadline, provideServices, type RequestLimits } from "./request/deadline.ts";
import { readJsonBody } from "./request/json-body.ts";
import { type RateLimit, rateLimit } from "./request/rate-limit.ts";
import { createRouteTable, type RouteTable, requireRoute, routeError } from "./request/route-table.ts";
import { securityHeaders } from "./request/security-headers.ts";
import { chatRoutes } from "./routes/chat.ts";
import { collections } from "./routes/collections.ts";
import { type DocsAssets, docsRoutes } from "./routes/docs.ts";
import { documents } from "./routes/documents.ts";
import { healthRoutes } from "./routes/health.ts";
import { jobRoutes } from "./routes/jobs.ts";
import { keys } from "./routes/keys.ts";
import { search } from "./routes/query.ts";
import { documentReads } from "./routes/read-documents.ts";
import { stats } from "./routes/stats.ts";
import { tenants } from "./routes/tenants.ts";
import { tools } from "./routes/tools.ts";
import type { Log } from "./telemetry/log.ts";
import type { Metrics } from "./telemetry/metrics.ts";
import { observeRequests } from "./telemetry/observe.ts";
import type { Observer } from "./telemetry/record.ts";
import { traceRequests } from "./telemetry/trace.ts";

export interface AppOptions extends RequestLimits, RateLimit, ConcurrencyLimits {
  /** Runs the jobs of requests that are answered 202. */
  readonly queue: JobQueue;
  /** Undefined: chat requests are answered 503. */
  readonly chatModel?: ChatModel;
  /** Accepts tokens of this issuer in addition to the service's own keys. */
  readonly jwt?: JwtOptions;
  readonly log?: Log;
  /** Served at /metrics. Default: not served. */
  readonly metrics?: Metrics;
  readonly observers?: readonly Observer[];
  /** Origins that may call the API from a browser (CORS). Default: none. */
  readonly corsOrigins?: readonly string[];
  /** Maximum bytes of a request body. Default 5 MB. */
  readonly maxBody?: number;
  /** Milliseconds for which a credential is cached, at most 60,000. */
  readonly credentialCacheMs?: number;
  /** Invalid credentials that one address may try per minute. Default 60. */
  readonly unknownKeysPerMinute?: number;
  /** Resolves the tenants of namespaces, from a package that this one does not depend on. Default: keys of namespaces are refused. */
  readonly namespaces?: NamespaceResolver;
  /** Files of the API reference at /docs. Default: not served. */
  readonly docs?: DocsAssets;
  /** Routes for the operator only, from packages that this one does not depend on. */
  readonly operatorRoutes?: readonly OpenAPIHono<Env>[];
  /** Other protocols, from packages that this one does not depend on. */
  readonly protocols?: readonly Protocol[];
}

/** Creates the API of a knowledge base for any runtime that speaks fetch. Opens no connection. */
export function createApp(services: Services, options: AppOptions) {
  const { log, metrics, maxBody = 5_000_000, corsOrigins = [], operatorRoutes = [], protocols = [] } = options;
  const app = createRouter();
  const observers = [log?.request, metrics?.observe, ...(options.observers ?? [])].filter(
    (observer) => observer !== undefined,
  );
  app.use("*", traceRequests, observeRequests(observers), securityHeaders);
  app.onError((error, c) => {
    const protocol = protocolOf(protocols, c.req.path);
    const response = protocol ? protocol.errorResponse(c, error) : problemResponse(c, error);
    if (response.status === 500) log?.failure(error, { request_id: c.get("requestId") });
    return response;
  });
  const table = createRouteTable(app);
  app.notFound((c) => {
    const { method, path } = c.req;
    const allowed = table.methods(path);
    const protocol = protocolOf(protocols, path);
    if (method !== "OPTIONS" || allowed.length === 0) {
      const error = routeError(table, c.req);
      return protocol ? protocol.errorResponse(c, error) : problemResponse(c, error);
    }
    return c.body(null, 204, { Allow: [...allowed, "OPTIONS"].join(", ") });
  });
  if (corsOrigins.length > 0) app.use("*", cors({ origin: [...corsOrigins], exposeHeaders: ["*"] }));
  const guard = createGuards(services, table, options);
  const ownGuards = guard({
    selectsTenant: true,
    credential: bearerToken,
    maxBody,
    maxResponse: options.maxResponse,
    readBody: readJsonBody,
  });
  app.use("/v1/*", ...ownGuards);
  app.use("/mcp", ...ownGuards);
  for (const protocol of protocols) {
    app.route("/", protocol.publicRoutes);
    app.use(`${protocol.path}/*`, ...guard(protocol));
    app.route("/", protocol.routes);
  }
  app.route("/", mcpRoutes({ log }));
  for (const routes of operatorRoutes) {
    for (const { path } of routes.routes) app.use(path, requireOperator);
    app.route("/", routes);
  }
  if (options.docs) app.route("/", docsRoutes(options.docs));
  if (metrics)
    app.get("/metrics", async (c) => c.body(await metrics.text(), 200, { "Content-Type": metrics.contentType }));
  const api = app
    .route("/", healthRoutes(services))
    .route("/", collections)
    .route("/", documents)
    .route("/", documentReads)
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

type GuardOptions = Pick<Protocol, "credential" | "anonymous" | "maxBody" | "readBody"> &
  Pick<AppOptions, "maxResponse"> & {
    /** Whether a namespace's key selects its tenant with a header. Default: by the names in the path. */
    readonly selectsTenant?: boolean;
  };

/** Returns a function that creates the guards of a protocol, in their order. All protocols share a tenant's limits. */
function createGuards(services: Services, table: RouteTable, options: AppOptions) {
  const identify = createAuthenticator(services.database, {
    jwt: options.jwt,
    cacheMs: options.credentialCacheMs,
    unknownKeysPerMinute: options.unknownKeysPerMinute,
    acceptNamespaces: options.namespaces !== undefined,
  });
  const deadline = enforceDeadline(options);
  const rate = rateLimit(options);
  const select = selectTenant(services.database, { namespaces: options.namespaces, limit: rate });
  const concurrency = limitConcurrency(options);
  return ({ selectsTenant, credential, anonymous, maxBody, maxResponse, readBody }: GuardOptions) =>
    [
      deadline,
      authenticate(identify, { credential, anonymous }),
      ...(selectsTenant ? [select] : []),
      rate,
      requireRoute(table),
      limitBody(maxBody),
      concurrency,
      provideServices(services, { ...options, maxResponse }),
      readBody,
    ] as const;
}

/** The routes with their inputs and responses, for the typed client. */
export type Api = ReturnType<typeof createApp>;
