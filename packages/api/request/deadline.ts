import { withTimeLimit } from "@cairn/core/database/time-limit.ts";
import { MAX_RESPONSE_BYTES } from "@cairn/core/document/response-size.ts";
import { type Budget, withBudget } from "@cairn/core/embedding/budget.ts";
import { withRerankBudget } from "@cairn/core/rerank/budget.ts";
import type { Services } from "@cairn/core/services.ts";
import { createMiddleware } from "hono/factory";
import type { Env, RequestUsage } from "../context.ts";
import { startTimer } from "./timer.ts";

export interface RequestLimits {
  /** Milliseconds for a request, authentication included. Default 25,000: API Gateway gives up at 30,000. */
  readonly deadline?: number;
  /** Aborted when the service is shutting down: streams of jobs end with `continue`, other requests have 6 s left. */
  readonly closing?: AbortSignal;
  /** Tokens per tenant and UTC day that embedding and rerank models read. Default: unlimited. A tenant's own limit takes precedence. */
  readonly embeddingTokensPerDay?: number;
  /** Maximum bytes of texts, metadata and URIs in a response. Default 10 MB. */
  readonly maxResponse?: number;
}

/** Starts the time limit of a request. When it is over, the request is answered 504 and its work ends. */
export function enforceDeadline({ deadline = 25_000, closing }: RequestLimits) {
  return createMiddleware<Env>(async (c, next) => {
    const timer = startTimer(c.req.raw.signal, deadline, closing);
    c.set("timer", timer);
    c.set("signal", timer.signal);
    try {
      await timer.race(next());
      if (c.error) timer.throwIfExpired(); // any error after the deadline is a consequence of it
    } finally {
      if (!c.get("streamed")) timer.close();
    }
  });
}

/**
 * Provides the services of a request: a database whose statements are cancelled at the deadline, and embedders and a rerank
 * server that count against the tenant's token budget.
 */
export function provideServices(
  services: Services,
  { embeddingTokensPerDay, maxResponse = MAX_RESPONSE_BYTES }: RequestLimits,
) {
  return createMiddleware<Env>((c, next) => {
    const { tenantId, limits } = c.get("principal");
    const usage = c.get("usage");
    const { embedders, reranker } =
      tenantId === null
        ? services
        : withBudgets(services, {
            tenantId,
            countUsage: services.usage?.count,
            tokensPerDay: limits.embeddingTokensPerDay ?? embeddingTokensPerDay,
            usage,
          });
    const database = withTimeLimit(services.database, c.get("timer").remainingMs());
    c.set("maxResponse", maxResponse);
    c.set("services", { ...services, database, embedders, reranker });
    c.set("backgroundServices", { ...services, embedders, reranker });
    return next();
  });
}

interface TenantBudget extends Pick<Budget, "tenantId" | "tokensPerDay" | "countUsage"> {
  readonly usage: RequestUsage;
}

/** The models of the services, with the tokens and calls of a request counted. */
function withBudgets(
  { database, embedders, reranker }: Services,
  { usage, ...budget }: TenantBudget,
): Pick<Services, "embedders" | "reranker"> {
  return {
    embedders: withBudget(embedders, database, {
      ...budget,
      onTokens: (tokens) => {
        usage.tokens += tokens;
      },
    }),
    reranker:
      reranker &&
      withRerankBudget(reranker, database, {
        ...budget,
        onTokens: (tokens) => {
          usage.rerankTokens += tokens;
        },
        onCall: (succeeded) => {
          usage[succeeded ? "reranks" : "rerankFailures"]++;
        },
      }),
  };
}
