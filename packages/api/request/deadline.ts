import { withTimeLimit } from "@cairn/core/database/time-limit.ts";
import { withBudget } from "@cairn/core/embedding/budget.ts";
import { AppError } from "@cairn/core/error.ts";
import type { Services } from "@cairn/core/services.ts";
import { createMiddleware } from "hono/factory";
import type { Env } from "../context.ts";

export interface RequestLimits {
  /** Milliseconds for a request. Default 25,000: API Gateway gives up at 30,000. */
  readonly deadline?: number;
  /** Embedding tokens of a tenant and UTC day. Default: any number. A tenant's own limit wins. */
  readonly embeddingTokensPerDay?: number;
}

/**
 * Gives the request its services: a database whose statements are cancelled when its time is over, and embedders that
 * count against its tenant's budget. When time is over it is answered 504, and what waits for a model ends, too.
 */
export function limitRequest(
  services: Services,
  { deadline = 25_000, embeddingTokensPerDay }: RequestLimits,
) {
  return createMiddleware<Env>(async (c, next) => {
    const { tenantId, limits } = c.var.principal;
    const caller = c.req.raw.signal;
    const ended = new AbortController();
    const end = () => ended.abort(caller.reason);
    caller.addEventListener("abort", end, { once: true });
    const database = withTimeLimit(services.database, deadline);
    const embedders =
      tenantId === null
        ? services.embedders
        : withBudget(services.embedders, services.database, {
            tenantId,
            tokensPerDay: limits.embeddingTokensPerDay ?? embeddingTokensPerDay,
            onTokens: (tokens) => {
              c.var.facts.tokens += tokens;
            },
          });
    c.set("services", { ...services, database, embedders });
    c.set("lasting", { ...services, embedders });
    c.set("signal", ended.signal);
    let late = false;
    const { promise: over, reject } = Promise.withResolvers<never>();
    // Not AbortSignal.timeout: each would live until its time, whenever the request was answered.
    const timer = setTimeout(() => {
      late = true;
      ended.abort(new DOMException("The time allowed for the request is over.", "TimeoutError"));
      reject(overdue(deadline));
    }, deadline);
    try {
      await Promise.race([next(), over]);
      if (late && c.error) throw overdue(deadline); // whatever ended it ended because of the time
    } finally {
      clearTimeout(timer);
      caller.removeEventListener("abort", end);
    }
  });
}

function overdue(deadline: number): AppError {
  return new AppError(
    "deadline_exceeded",
    `The request was not done within ${deadline / 1000} s. Ask for less at once, or use a job: POST /v1/documents/bulk.`,
  );
}
