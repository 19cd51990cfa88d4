import { sql } from "drizzle-orm";
import type { Database } from "../database/database.ts";
import { selectRows } from "../database/rows.ts";
import { asTenant } from "../database/transaction.ts";
import { AppError } from "../error.ts";
import { countTokensOf } from "./batch.ts";
import type { Embedder, Embedders } from "./embedder.ts";

export interface Budget {
  readonly tenantId: string;
  /** Tokens of a UTC day. Undefined: as many as there are. */
  readonly tokensPerDay: number | undefined;
  /** Called with what a call to a model takes, before it. */
  readonly onTokens?: (tokens: number) => void;
}

/**
 * Embedders whose calls count against a tenant's budget of a day: the tokens are reserved before the model is asked, in
 * one statement, so that calls at once cannot spend the same ones, and given back where the model refuses. What is
 * known already, and the offline embedder, cost nothing. They throw `budget_exceeded` in addition to an embedder's own errors.
 */
export function withBudget(embedders: Embedders, database: Database, budget: Budget): Embedders {
  return { ...embedders, get: (model) => budgeted(embedders.get(model), database, budget) };
}

function budgeted(embedder: Embedder, database: Database, budget: Budget): Embedder {
  if (embedder.cacheable === false) return embedder;
  return {
    ...embedder,
    async embed(texts, options) {
      const tokens = await countTokensOf(texts);
      const total = tokens.reduce((sum, some) => sum + some, 0);
      await reserve(database, budget, total);
      budget.onTokens?.(total);
      let paid = 0;
      const onBatch: typeof options.onBatch = async (batch) => {
        for (const { index } of batch) paid += tokens[index] ?? 0;
        await options.onBatch?.(batch);
      };
      try {
        return await embedder.embed(texts, { ...options, onBatch });
      } finally {
        // Refused texts cost nothing. Where this fails the day ends it: a model's error says more.
        await giveBack(database, budget, total - paid).catch(() => {});
      }
    },
  };
}

async function reserve(
  database: Database,
  { tenantId, tokensPerDay }: Budget,
  tokens: number,
): Promise<void> {
  if (tokensPerDay === undefined || tokens === 0) return;
  const [reserved] =
    tokens > tokensPerDay
      ? []
      : await asTenant(database, tenantId, ({ orm }) =>
          selectRows(
            orm,
            sql`INSERT INTO cairn.embedding_usage AS used (tenant_id, day, tokens)
                VALUES (${tenantId}::uuid, ${TODAY}, ${tokens}::int8)
                ON CONFLICT (tenant_id, day) DO UPDATE SET tokens = used.tokens + excluded.tokens
                WHERE used.tokens + excluded.tokens <= ${tokensPerDay}::int8
                RETURNING tokens`,
          ),
        );
  if (reserved) return;
  const tomorrow = new Date().setUTCHours(24, 0, 0, 0);
  throw new AppError(
    "budget_exceeded",
    `Embedding this takes ${tokens} tokens, more than is left of the ${tokensPerDay} that the tenant has a day. The next day begins at ${new Date(tomorrow).toISOString()}.`,
    { retryAfter: Math.ceil((tomorrow - Date.now()) / 1000) },
  );
}

async function giveBack(
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
