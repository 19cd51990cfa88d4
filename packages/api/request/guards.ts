import type { Services } from "@cairn/core/services.ts";
import { createMiddleware } from "hono/factory";
import { authenticate, createAuthenticator } from "../auth/authenticate.ts";
import type { JwtOptions } from "../auth/jwt.ts";
import { type NamespaceResolver, selectTenant } from "../auth/select-tenant.ts";
import type { Env } from "../context.ts";
import type { Protocol } from "../protocol.ts";
import { limitBodies } from "./body-limit.ts";
import { type ConcurrencyLimits, limitConcurrency } from "./concurrency.ts";
import { enforceDeadline, provideServices, type RequestLimits } from "./deadline.ts";
import { type RateLimit, rateLimit } from "./rate-limit.ts";
import { type RouteTable, requireRoute } from "./route-table.ts";

export interface GuardLimits extends RequestLimits, RateLimit, ConcurrencyLimits {
  /** Accepts tokens of this issuer in addition to the service's own keys. */
  readonly jwt?: JwtOptions;
  /** Resolves the tenants of namespaces, from a package that this one does not depend on. Default: keys of namespaces are refused. */
  readonly namespaces?: NamespaceResolver;
  /** Milliseconds for which a credential is cached, at most 60,000. */
  readonly credentialCacheMs?: number;
  /** Invalid credentials that one address may try per minute. Default 60. */
  readonly unknownKeysPerMinute?: number;
}

type GuardOptions = Pick<
  Protocol,
  "credential" | "anonymous" | "limitShare" | "requestsPerMinute" | "maxBody" | "readBody"
> & {
  /** Maximum bytes of the body of a route that takes files. */
  readonly maxUpload?: number;
} & Pick<RequestLimits, "maxResponse"> & {
    /** Whether a namespace's key selects its tenant with a header. Default: by the names in the path. */
    readonly selectsTenant?: boolean;
  };

/** Returns a function that creates the guards of a protocol, in their order. All protocols share a tenant's limits. */
export function createGuards(services: Services, table: RouteTable, options: GuardLimits) {
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
  return ({
    selectsTenant,
    credential,
    anonymous,
    limitShare,
    requestsPerMinute,
    maxBody,
    maxUpload,
    maxResponse,
    readBody,
  }: GuardOptions) =>
    [
      deadline,
      authenticate(identify, { credential, anonymous }),
      ...(selectsTenant ? [select] : []),
      ...(limitShare ? [setLimitShare(limitShare)] : []),
      requestsPerMinute === undefined ? rate : rateLimit({ requestsPerMinute }),
      requireRoute(table),
      limitBodies({ maxBody, maxUpload }),
      concurrency,
      provideServices(services, { ...options, maxResponse }),
      readBody,
    ] as const;
}

function setLimitShare(limitShare: NonNullable<Protocol["limitShare"]>) {
  return createMiddleware<Env>((c, next) => {
    c.set("limitShare", limitShare(c.req.path));
    return next();
  });
}
