import type { Env, Principal } from "@cairn/api/context.ts";
import { createRouter } from "@cairn/api/openapi.ts";
import type { Protocol } from "@cairn/api/protocol.ts";
import type { OpenAPIHono } from "@hono/zod-openapi";
import type { MiddlewareHandler } from "hono";
import { describeRoutes } from "./description/describe.ts";
import { errorResponse } from "./error.ts";
import { createBodyReader } from "./request/body.ts";
import { chromaCredential } from "./request/credential.ts";
import { addCollectionRoutes } from "./routes/collections.ts";
import type { CreateView, RouteOptions } from "./routes/context.ts";
import { addDatabaseRoutes, addTenantRoutes } from "./routes/databases.ts";
import { addRecordRoutes } from "./routes/records.ts";
import { addSearchRoute } from "./routes/search.ts";
import { addSystemRoutes, publicRoutes } from "./routes/system.ts";
import { addUnsupportedRoutes } from "./routes/unsupported.ts";
import { createRoutedViews } from "./view/routed.ts";
import { singleTenantView } from "./view/single-tenant.ts";
import { refuseWithoutGateway } from "./without-gateway.ts";

/** Bytes of a body that a Chroma server accepts. */
const MAX_BODY = 40 * 1024 * 1024;

/** Requests per collection and minute of an application whose Chroma server had no limit. */
const GATEWAY_REQUESTS_PER_MINUTE = 60_000;

export interface ChromaProtocolOptions {
  /** Default: the view of a tenant or of a namespace. */
  readonly createView?: CreateView;
  /** Whether clients may delete everything with `reset`. Default false. */
  readonly allowReset?: boolean;
  /** Who makes a request without a credential. Default: such a request is refused. */
  readonly anonymous?: () => Promise<Principal>;
  /** Maximum bytes of a request body. Default 40 MiB, as Chroma accepts. */
  readonly maxBody?: number;
  /** Maximum bytes of texts, metadata and vectors in a response. Default 40 MiB. */
  readonly maxResponse?: number;
  /** Creates a handler before the protocol's own ones, from those. */
  readonly gateway?: (own: Pick<Protocol, "routes" | "errorResponse">) => MiddlewareHandler<Env>;
}

/** Chroma's HTTP API (v2) for `createApp`. */
export function chromaProtocol(options: ChromaProtocolOptions = {}): Protocol {
  const { maxBody = MAX_BODY, maxResponse = MAX_BODY, allowReset = false, anonymous } = options;
  const createView = options.createView ?? createViews();
  const own = chromaRoutes({ createView, allowReset, maxBody });
  return {
    path: "/api/v2",
    publicRoutes: publicRoutes({ maxBody }),
    routes: withHandler(own, options.gateway?.({ routes: own, errorResponse }) ?? refuseWithoutGateway()),
    credential: chromaCredential,
    anonymous,
    limitShare: collectionOf,
    requestsPerMinute: options.gateway && GATEWAY_REQUESTS_PER_MINUTE,
    errorResponse,
    readBody: createBodyReader(),
    maxBody,
    maxResponse,
  };
}

/** The routes with a handler before them. */
function withHandler(routes: OpenAPIHono<Env>, handler: MiddlewareHandler<Env>): OpenAPIHono<Env> {
  const router = createRouter();
  router.use("/api/v2/*", handler);
  router.route("/", routes);
  return router;
}

/** The collection of a request on records. Each belongs to one tenant, so a namespace's tenants have limits of their own. */
function collectionOf(path: string): string | undefined {
  return /\/collections\/([0-9a-f-]{32,36})\//i.exec(path)?.[1]?.toLowerCase();
}

/** A tenant's key sees its tenant, a namespace's key what its names stand for, and an operator's key nothing. */
function createViews(): CreateView {
  const createRoutedView = createRoutedViews();
  return (database, { tenantId, namespace, scopes }) => {
    if (namespace) return createRoutedView({ database, namespace, scopes });
    return tenantId === null ? undefined : singleTenantView(database, tenantId);
  };
}

function chromaRoutes(options: RouteOptions): OpenAPIHono<Env> {
  const router = createRouter();
  addSystemRoutes(router, options);
  addTenantRoutes(router, options);
  addDatabaseRoutes(router, options);
  addCollectionRoutes(router, options);
  addRecordRoutes(router, options);
  addSearchRoute(router, options);
  addUnsupportedRoutes(router, options);
  describeRoutes(router);
  return router;
}
