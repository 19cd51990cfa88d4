import type { Database } from "../database/database.ts";
import { countTextTokens } from "../embedding/batch.ts";
import { type Budget, refundTokens, reserveTokens } from "../embedding/budget.ts";
import type { Reranker } from "./reranker.ts";

interface RerankBudget extends Budget {
  /** Called after each call with whether the model's order was applied. */
  readonly onCall?: (succeeded: boolean) => void;
}

/**
 * A rerank server whose calls count against the tenant's daily token budget, which embeddings share. A call has the tokens of
 * its passages, and those of the query once for each passage, because the model reads them together. One statement reserves
 * them before the call. A call that fails costs nothing. Throws `budget_exceeded` in addition to the server's own errors.
 */
export function withRerankBudget(reranker: Reranker, database: Database, budget: RerankBudget): Reranker {
  return {
    ...reranker,
    async rerank(call) {
      const [query = 0, ...passages] = await countTextTokens([call.query, ...call.passages]);
      const tokens = passages.reduce((sum, count) => sum + count + query, 0);
      let succeeded = false;
      try {
        await reserveTokens(database, budget, { tokens, failure: "The passages cannot be reranked" });
        try {
          const scores = await reranker.rerank(call);
          succeeded = true;
          budget.onTokens?.(tokens);
          budget.countUsage?.({ tenantId: budget.tenantId, kind: "rerank_tokens", model: call.model, n: tokens });
          return scores;
        } finally {
          // A failed refund is ignored, because the server's error matters more; the budget resets daily.
          if (!succeeded) await refundTokens(database, budget, tokens).catch(() => {});
        }
      } finally {
        budget.onCall?.(succeeded);
      }
    },
  };
}
