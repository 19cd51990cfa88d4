import { z } from "@hono/zod-openapi";
import { tenantSchema } from "./service.ts";

/** Figures of a collection in the overview and the statistics. */
export const collectionFigures = {
  model: z.string().nullable(),
  dimensions: z.int().nullable(),
  metric: z.string(),
  documents: z.int(),
  passages: z.int(),
  vectors: z.int().describe("Passages that vector search can find."),
  tail: z.int().describe("Passages written since the last index build. Every search compares them one by one."),
  latency: z
    .object({ searches: z.int(), p50_ms: z.number(), p95_ms: z.number() })
    .nullable()
    .describe("Latency of recent searches in this process. Null: there were none."),
};

export const collectionOverviewSchema = z
  .object({
    id: z.uuid(),
    name: z.string(),
    ...collectionFigures,
    is_replaced: z
      .boolean()
      .describe("Whether a collection with another model took its name, and it is kept for a way back."),
    indexes: z.array(
      z.object({
        name: z.string(),
        kind: z.enum(["vector", "keyword", "tail"]),
        state: z.enum(["building", "valid", "retired", "invalid"]),
        rows: z.int().describe("Passages that it covered when it was built."),
        bytes: z.int(),
        precision: z.string().nullable().describe("Of a vector index: bit, halfvec or vector."),
      }),
    ),
    due: z
      .object({ action: z.enum(["none", "drop", "build"]), reason: z.string().optional() })
      .describe("Pending index work and its reason. A reason without an action: a build failed, and why."),
  })
  .openapi("CollectionOverview");

export const tenantOverviewSchema = tenantSchema
  .extend({
    tokens_today: z
      .int()
      .describe("Embedding tokens of this UTC day. They are counted if the tenant has a daily budget."),
    jobs: z
      .object({ in_progress: z.int(), failed: z.int() })
      .describe("Jobs that run or wait, and jobs that failed within the last 24 hours."),
    collections: z.array(collectionOverviewSchema),
  })
  .openapi("TenantOverview");
