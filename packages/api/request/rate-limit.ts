import { createMiddleware } from "hono/factory";
import { LRUCache } from "lru-cache";
import RateLimiterMemory from "rate-limiter-flexible/lib/RateLimiterMemory.js";
import RateLimiterRes from "rate-limiter-flexible/lib/RateLimiterRes.js";
import type { Env } from "../context.ts";
import { HttpError } from "../problem/http-error.ts";

export interface RateLimit {
  /** Requests of a tenant a minute. Default 1,200. A tenant's own limit wins. */
  readonly requestsPerMinute?: number;
}

/** Custom limits whose counts are kept at once; a tenant beyond them begins its minute again. */
const MAX_LIMITS = 1_000;

type Limiter = InstanceType<typeof RateLimiterMemory>;

/**
 * Refuses what a tenant asks beyond its share, and says when to come again. It counts in this process: behind several,
 * each lets as many through. Counting in the database would cost every search a second round trip.
 */
export function rateLimit({ requestsPerMinute = 1_200 }: RateLimit) {
  const limiters = new LRUCache<number, Limiter>({ max: MAX_LIMITS });
  return createMiddleware<Env>(async (c, next) => {
    const { tenantId, limits } = c.var.principal;
    const points = limits.requestsPerMinute ?? requestsPerMinute;
    const limiter = limiters.get(points) ?? new RateLimiterMemory({ points, duration: 60 });
    limiters.set(points, limiter);
    const charge = async (requests: number): Promise<void> => {
      const used = await consume(limiter, tenantId ?? "operator", requests);
      const seconds = Math.max(1, Math.ceil(used.msBeforeNext / 1000));
      c.header("RateLimit-Limit", String(points));
      c.header("RateLimit-Remaining", String(used.remainingPoints));
      c.header("RateLimit-Reset", String(seconds));
      if (used.consumedPoints > points)
        throw new HttpError("rate_limited", `The tenant has used its ${points} requests of this minute.`, {
          retryAfter: seconds,
        });
    };
    await charge(1);
    c.set("charge", charge);
    await next();
  });
}

async function consume(
  limiter: Limiter,
  tenant: string,
  requests: number,
): Promise<InstanceType<typeof RateLimiterRes>> {
  try {
    return await limiter.consume(tenant, requests);
  } catch (refused) {
    if (refused instanceof RateLimiterRes) return refused;
    throw refused;
  }
}
