import { sql } from "drizzle-orm";
import type { Database } from "../database/database.ts";
import { asTenant } from "../database/transaction.ts";
import { AppError } from "../error.ts";
import type { CountUsage } from "../usage/kinds.ts";
import { countTextTokens } from "./batch.ts";
import type { Embedder, Embedders } from "./embedder.ts";

export interface Budget {
  readonly tenantId: string;
  /** Tokens per UTC day. Undefined: no limit. */
  readonly tokensPerDay: number | undefined;
  /** Called with the tokens of each model call before the call. */
  readonly onTokens?: (tokens: number) => void;
  /** Counts the tokens of embedded texts after each model call. */
  readonly countUsage?: CountUsage;
}

/**
 * Embedders whose calls count against the tenant's daily token budget. One statement reserves the tokens before the model
 * is called, so that concurrent calls cannot spend the same tokens. Tokens of rejected texts are refunded. Cached texts
 * and the offline embedder cost nothing. Throws `budget_exceeded` in addition to the embedder's own errors.
 */
export function withBudget(embedders: Embedders, database: Database, budget: Budget): Embedders {
  return { ...embedders, get: (model) => withTokenBudget(embedders.get(model), database, budget) };
}

function withTokenBudget(embedder: Embedder, database: Database, budget: Budget): Embedder {
  if (embedder.cacheable === false) return embedder;
  return {
    ...embedder,
    async embed(texts, options) {
      const tokens = await countTextTokens(texts);
      const total = tokens.reduce((sum, count) => sum + count, 0);
      await reserveTokens(database, budget, { tokens: total, failure: "The texts cannot be embedded" });
      budget.onTokens?.(total);
      let spent = 0;
      const onBatch: typeof options.onBatch = async (batch) => {
        for (const { index } of batch) spent += tokens[index] ?? 0;
        await options.onBatch?.(batch);
      };
      try {
        return await embedder.embed(texts, { ...options, onBatch });
      } finally {
        const { tenantId, countUsage } = budget;
        countUsage?.({ tenantId, kind: "embedding_tokens", model: embedder.model, n: spent });
        // Rejected texts cost nothing. A failed refund is ignored, because the model's error matters more; the budget resets daily.
        await refundTokens(database, budget, total - spent).catch(() => {});
      }
    },
  };
}

/** Reserves tokens of the day. Throws `budget_exceeded` with `failure` as the first words: "The texts cannot be embedded". */
export async function reserveTokens(
  database: Database,
  { tenantId, tokensPerDay }: Budget,
  { tokens, failure }: { readonly tokens: number; readonly failure: string },
): Promise<void> {
  if (tokensPerDay === undefined || tokens === 0) return;
  const [reserved] =
    tokens > tokensPerDay
      ? []
      : await asTenant(database, tenantId, ({ orm }) =>
          orm.selectRows(sql`INSERT INTO cairn.embedding_usage AS used (tenant_id, day, tokens)
                VALUES (${tenantId}::uuid, ${TODAY}, ${tokens}::int8)
                ON CONFLICT (tenant_id, day) DO UPDATE SET tokens = used.tokens + excluded.tokens
                WHERE used.tokens + excluded.tokens <= ${tokensPerDay}::int8
                RETURNING tokens`),
        );
  if (reserved) return;
  const tomorrow = new Date().setUTCHours(24, 0, 0, 0);
  throw new AppError(
    "budget_exceeded",
    `${failure}: they have ${tokens} tokens, more than remain of the tenant's daily budget of ${tokensPerDay} tokens. Send fewer texts, or try again after ${new Date(tomorrow).toISOString()}.`,
    { retryAfter: Math.ceil((tomorrow - Date.now()) / 1000) },
  );
}

/** Returns reserved tokens that were not spent. */
export async function refundTokens(
  database: Database,
  { tenantId, tokensPerDay }: Budget,
  tokens: number,
): Promise<void> {
  if (tokensPerDay === undefined || tokens === 0) return;
  await asTenant(database, tenantId, ({ orm }) =>
    orm.execute(
      sql`UPDATE cairn.embedding_usage SET tokens = greatest(0, tokens - ${tokens}::int8)
          WHERE tenant_id = ${tenantId}::uuid AND day = ${TODAY}`,
    ),
  );
}

const TODAY = sql`(now() AT TIME ZONE 'UTC')::date`;
