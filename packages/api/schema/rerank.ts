import { EXPAND_DESCRIPTION, expandInput, RERANK_DESCRIPTION, rerankInput } from "@cairn/core/assistant/search-tool.ts";
import { z } from "@hono/zod-openapi";

export const rerankSchema = z.strictObject(rerankInput.shape).describe(RERANK_DESCRIPTION);

export const expandSchema = z.strictObject(expandInput.shape).describe(EXPAND_DESCRIPTION);

export const rerankOutcomeSchema = z
  .discriminatedUnion("applied", [
    z.object({
      applied: z.literal(true),
      model: z.string(),
      ms: z.int().describe("Milliseconds that reranking took."),
      passages: z.int().describe("Passages that the model scored."),
    }),
    z.object({
      applied: z.literal(false),
      reason: z
        .enum(["timeout", "busy", "quota", "budget", "failed"])
        .describe(
          "`timeout`: no answer in time; `busy`: the tenant's other searches took all the time; `quota`: of the provider; `budget`: the tenant's tokens of the day are used up; `failed`: any other failure.",
        ),
      detail: z.string().describe("What happened, for people."),
    }),
  ])
  .describe("What the rerank model did. If it was not applied, the hits are in the order of the search.")
  .openapi("RerankOutcome");
