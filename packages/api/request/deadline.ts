import { withTimeLimit } from "@cairn/core/database/time-limit.ts";
import { MAX_RESPONSE_BYTES } from "@cairn/core/document/response-size.ts";
import { withBudget } from "@cairn/core/embedding/budget.ts";
import type { Services } from "@cairn/core/services.ts";
import { createMiddleware } from "hono/factory";
import type { Env } from "../context.ts";
import { startTime } from "./time.ts";

export interface RequestLimits {
  /** Milliseconds for a request, authentication included. Default 25,000: API Gateway gives up at 30,000. */
  readonly deadline?: number;
  /** Aborted when the service is shutting down: streams of jobs end with `continue`, other requests have 6 s left. */
  readonly closing?: AbortSignal;
  /** Embedding tokens of a tenant and UTC day. Default: any number. A tenant's own limit wins. */
  readonly embeddingTokensPerDay?: number;
  /** Bytes of texts, metadata and URIs that an answer holds at most. Default 10 MB. */
  readonly maxResponse?: number;
}

/** Answers a request 504 when its time is over, which runs from here on, and ends what works for it. */
export function limitTime({ deadline = 25_000, closing }: RequestLimits) {
  return createMiddleware<Env>(async (c, next) => {
    const time = startTime(c.req.raw.signal, deadline, closing);
    c.set("time", time);
    c.set("signal", time.signal);
    try {
      await time.race(next());
      if (c.error) time.throwIfOver(); // whatever ended it ended because of the time
    } finally {
      if (!c.get("streamed")) time.close();
    }
  });
}

/**
 * Gives the request its services: a database whose statements are cancelled when its time is over, and embedders that
 * count against its tenant's budget.
 */
export function limitRequest(
  services: Services,
  { embeddingTokensPerDay, maxResponse = MAX_RESPONSE_BYTES }: RequestLimits,
) {
  return createMiddleware<Env>((c, next) => {
    const { tenantId, limits } = c.get("principal");
    const facts = c.get("facts");
    const embedders =
      tenantId === null
        ? services.embedders
        : withBudget(services.embedders, services.database, {
            tenantId,
            tokensPerDay: limits.embeddingTokensPerDay ?? embeddingTokensPerDay,
            onTokens: (tokens) => {
              facts.tokens += tokens;
            },
          });
    const database = withTimeLimit(services.database, c.get("time").left());
    c.set("maxResponse", maxResponse);
    c.set("services", { ...services, database, embedders });
    c.set("lasting", { ...services, embedders });
    return next();
  });
}
