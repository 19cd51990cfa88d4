import type { Env, RequestUsage } from "@cairn/api/context.ts";
import { HttpError } from "@cairn/api/problem/http-error.ts";
import type { Context, MiddlewareHandler } from "hono";
import type { NameRules } from "../../namespace/name-rules.ts";
import { createRulesCache } from "../../namespace/rules.ts";
import type { Forward } from "../forward.ts";
import { changeCollection, createCollection, deleteCollection, getCollection } from "./collections.ts";
import { CAIRN, type Gateway, type GatewayAnswer, type GatewayRequest } from "./context.ts";
import { handleDatabases } from "./databases.ts";
import { listCollections } from "./list.ts";
import { type ChromaRequest, parseChromaRequest } from "./parse.ts";
import { readCollection } from "./read.ts";
import { writeRecords } from "./records.ts";

/**
 * The gateway as a handler before Cairn's own handlers of Chroma's API. It serves the keys of namespaces, whose names are Chroma's
 * names. The key of one tenant sees what Cairn has.
 */
export function gatewayMiddleware(gateway: Gateway): MiddlewareHandler<Env> {
  const rulesOf = createRulesCache();
  return async (c, next) => {
    const { namespace } = c.var.principal;
    if (c.req.path === "/api/v2/reset")
      throw new HttpError("forbidden", "Resetting is disabled in front of a Chroma server.");
    const parsed = parseChromaRequest(c.req.method, c.req.path);
    if (!namespace || !parsed) return next();
    const answer = await handle(
      toRequest(gateway, c, { namespaceId: namespace.id, rules: rulesOf(namespace) }),
      parsed,
    );
    return answer === CAIRN ? next() : answer;
  };
}

function toRequest(
  gateway: Gateway,
  c: Context<Env>,
  namespace: { readonly namespaceId: string; readonly rules: NameRules },
): GatewayRequest {
  const { pathname, search } = new URL(c.req.url);
  const measured = { ...gateway, forward: measure(gateway.forward, c.var.usage) };
  return { gateway: measured, c, ...namespace, path: `${pathname}${search}` };
}

/** Adds the time until Chroma's responses begin to what the request used. */
function measure(forward: Forward, usage: RequestUsage): Forward {
  return async (request) => {
    const started = performance.now();
    try {
      return await forward(request);
    } finally {
      const { tenantId, phase, side, ms = 0 } = usage.upstream ?? {};
      usage.upstream = { tenantId, phase, side, ms: ms + performance.now() - started };
    }
  };
}

function handle(request: GatewayRequest, parsed: ChromaRequest): Promise<GatewayAnswer> {
  switch (parsed.kind) {
    case "tenants":
    case "databases":
      return handleDatabases(request, parsed);
    case "collections":
      return parsed.action === "create" ? createCollection(request, parsed) : listCollections(request, parsed);
    case "named":
      return parsed.action === "get" ? getCollection(request, parsed) : deleteCollection(request, parsed);
    case "collection":
      return handleCollection(request, parsed);
  }
}

function handleCollection(
  request: GatewayRequest,
  parsed: Extract<ChromaRequest, { readonly kind: "collection" }>,
): Promise<GatewayAnswer> {
  switch (parsed.action) {
    case "add":
    case "upsert":
    case "update":
    case "delete":
      return writeRecords(request, parsed);
    case "change":
      return changeCollection(request, parsed);
    case "other":
      return Promise.resolve(CAIRN); // forks and attached functions, which the gateway does not support
    default:
      return readCollection(request, parsed);
  }
}
