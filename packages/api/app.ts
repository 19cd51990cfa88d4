import type { ChatModel } from "@cairn/core/assistant/chat-message.ts";
import type { JobQueue } from "@cairn/core/job/local-queue.ts";
import type { Services } from "@cairn/core/services.ts";
import type { ReadFile } from "@cairn/files/to-json.ts";
import type { OpenAPIHono } from "@hono/zod-openapi";
import type { Hono } from "hono";
import { cors } from "hono/cors";
import { bearerToken } from "./auth/authenticate.ts";
import { requireOperator } from "./auth/require.ts";
import type { Env } from "./context.ts";
import { describeApi } from "./describe.ts";
import { mcpRoutes } from "./mcp/route.ts";
import { createRouter } from "./openapi.ts";
import { problemResponse } from "./problem.ts";
import { type Protocol, protocolOf } from "./protocol.ts";
import { createGuards, type GuardLimits } from "./request/guards.ts";
import { readBody } from "./request/json-body.ts";
import { PRIVATE_PATHS, requirePrivateAddress } from "./request/private-paths.ts";
import { createRouteTable, routeError } from "./request/route-table.ts";
import { securityHeaders } from "./request/security-headers.ts";
import { chatRoutes } from "./routes/chat.ts";
import { collections } from "./routes/collections.ts";
import { configurationRoutes, type ReadConfiguration } from "./routes/configuration.ts";
import { type ConsoleAssets, consoleRoutes, redirectBrowsers } from "./routes/console.ts";
import { documents } from "./routes/documents.ts";
import { evaluationRoutes } from "./routes/evaluations.ts";
import { explore } from "./routes/explore.ts";
import { fileRoutes } from "./routes/files.ts";
import { healthRoutes } from "./routes/health.ts";
import { identity } from "./routes/identity.ts";
import { jobRoutes } from "./routes/jobs.ts";
import { keys } from "./routes/keys.ts";
import { overview } from "./routes/overview.ts";
import { search } from "./routes/query.ts";
import { documentReads } from "./routes/read-documents.ts";
import { stats } from "./routes/stats.ts";
import { tenants } from "./routes/tenants.ts";
import { tools } from "./routes/tools.ts";
import { usage } from "./routes/usage.ts";
import type { Log } from "./telemetry/log.ts";
import type { Metrics } from "./telemetry/metrics.ts";
import { observeRequests } from "./telemetry/observe.ts";
import type { Observer } from "./telemetry/record.ts";
import { traceRequests } from "./telemetry/trace.ts";
import { countRequests } from "./telemetry/usage.ts";

export interface AppOptions extends GuardLimits {
  /** Runs the jobs of requests that are answered 202. */
  readonly queue: JobQueue;
  /** Undefined: chat requests are answered 503. */
  readonly chatModel?: ChatModel;
  readonly log?: Log;
  /** Served at /metrics. Default: not served. */
  readonly metrics?: Metrics;
  readonly observers?: readonly Observer[];
  /** Origins that may call the API from a browser (CORS). Default: none. */
  readonly corsOrigins?: readonly string[];
  /** Maximum bytes of a request body. Default 5 MB. */
  readonly maxBody?: number;
  /** Maximum bytes of an upload of files. Default 20 MB. */
  readonly maxUpload?: number;
  /** Reads the documents of an uploaded file. Default: in this process, PDF and Word files are refused. */
  readonly readFile?: ReadFile;
  /** The API reference at /docs, see routes/docs.ts. Default: not served. */
  readonly docs?: Hono<Env>;
  /** The settings of the entry point, for the operator. Default: none. */
  readonly configuration?: ReadConfiguration;
  /** Files of the console at /console. Default: not served. */
  readonly console?: ConsoleAssets;
  /** Routes for the operator only, from packages that this one does not depend on. */
  readonly operatorRoutes?: readonly OpenAPIHono<Env>[];
  /** Other protocols, from packages that this one does not depend on. */
  readonly protocols?: readonly Protocol[];
}

/** Creates the API of a knowledge base for any runtime that speaks fetch. Opens no connection. */
export function createApp(services: Services, options: AppOptions) {
  const {
    log,
    metrics,
    maxBody = 5_000_000,
    maxUpload = 20_000_000,
    corsOrigins = [],
    operatorRoutes = [],
    protocols = [],
  } = options;
  const app = createRouter();
  const observers = [
    log?.request,
    metrics?.observe,
    countRequests(services.usage),
    ...(options.observers ?? []),
  ].filter((observer) => observer !== undefined);
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
  for (const path of PRIVATE_PATHS) app.use(path, requirePrivateAddress);
  const guard = createGuards(services, table, options);
  const ownGuards = guard({
    selectsTenant: true,
    credential: bearerToken,
    maxBody,
    maxUpload,
    maxResponse: options.maxResponse,
    readBody,
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
  if (options.docs) app.route("/", options.docs);
  if (options.console) app.use("/", redirectBrowsers).route("/", consoleRoutes(options.console));
  if (metrics)
    app.get("/metrics", async (c) => c.body(await metrics.text(), 200, { "Content-Type": metrics.contentType }));
  const api = app
    .route("/", healthRoutes(services))
    .route("/", identity)
    .route("/", collections)
    .route("/", documents)
    .route("/", fileRoutes({ queue: options.queue, readFile: options.readFile }))
    .route("/", documentReads)
    .route("/", search)
    .route("/", explore)
    .route("/", tools)
    .route("/", chatRoutes({ model: options.chatModel, log }))
    .route("/", jobRoutes({ queue: options.queue, log, maxResponse: options.maxResponse }))
    .route("/", evaluationRoutes({ queue: options.queue }))
    .route("/", stats)
    .route("/", overview)
    .route("/", usage)
    .route("/", keys)
    .route("/", tenants)
    .route("/", configurationRoutes(options.configuration));
  describeApi(api);
  return api;
}

/** The routes with their inputs and responses, for the typed client. */
export type Api = ReturnType<typeof createApp>;
