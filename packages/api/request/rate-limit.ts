import { createMiddleware } from "hono/factory";
import { LRUCache } from "lru-cache";
import RateLimiterMemory from "rate-limiter-flexible/lib/RateLimiterMemory.js";
import RateLimiterRes from "rate-limiter-flexible/lib/RateLimiterRes.js";
import { limitedBy } from "../auth/principal.ts";
import type { Env } from "../context.ts";
import { HttpError } from "../problem/http-error.ts";

export interface RateLimit {
  /** Requests per tenant and minute. Default 1,200. A tenant's own limit takes precedence. */
  readonly requestsPerMinute?: number;
}

/** Distinct limits that have a counter. Counts of the least recently used limit beyond them start again. */
const MAX_LIMITS = 1_000;

type Limiter = InstanceType<typeof RateLimiterMemory>;

/**
 * Refuses requests beyond the tenant's rate limit with `Retry-After`. It counts in this process: with several processes,
 * each one allows the full limit. Counting in the database would cost every search a second round trip.
 */
export function rateLimit({ requestsPerMinute = 1_200 }: RateLimit) {
  const limiters = new LRUCache<number, Limiter>({ max: MAX_LIMITS });
  return createMiddleware<Env>(async (c, next) => {
    const { principal } = c.var;
    const points = principal.limits.requestsPerMinute ?? requestsPerMinute;
    const limiter = limiters.get(points) ?? new RateLimiterMemory({ points, duration: 60 });
    limiters.set(points, limiter);
    const charge = async (requests: number): Promise<void> => {
      const used = await consume(limiter, limitedBy(principal, c.get("limitShare")), requests);
      const seconds = Math.max(1, Math.ceil(used.msBeforeNext / 1000));
      c.header("RateLimit-Limit", String(points));
      c.header("RateLimit-Remaining", String(used.remainingPoints));
      c.header("RateLimit-Reset", String(seconds));
      if (used.consumedPoints > points)
        throw new HttpError(
          "rate_limited",
          `The tenant has used its ${points} requests of this minute. Try again later.`,
          { retryAfter: seconds },
        );
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
  } catch (error) {
    if (error instanceof RateLimiterRes) return error; // the limit is exceeded
    throw error;
  }
}
