import { z } from "@hono/zod-openapi";

const names = z.array(z.string().min(1).max(512)).min(1).max(1_000);

/** What a migration can be told; the same as `cairn migrate`'s options. */
export const migrationSchema = z
  .strictObject({
    pattern: z
      .string()
      .max(500)
      .optional()
      .describe("How names tell tenant and collection. Default: tenant_{tenant}_{collection}."),
    tenant: z.string().min(1).max(512).optional().describe("Where a pattern has no {tenant}."),
    mapping: z
      .record(z.string(), z.unknown())
      .optional()
      .describe('Where collections go: {"faq": {"tenant": "acme", "collection": "faq"}, "scratch": null}.'),
    only: names.optional().describe("Only source collections of these names; * for anything."),
    chroma_tenants: names.optional(),
    chroma_databases: names.optional(),
    re_embed: z.enum(["auto", "always", "never"]).optional(),
    model: z.string().max(200).optional(),
    source_model: z.string().max(200).optional(),
    prune: z.boolean().optional().describe("Delete what a migration wrote and Chroma has no longer."),
    discard_changes: z
      .boolean()
      .optional()
      .describe("Take Chroma's state: undo what was added, edited and deleted in Cairn since, and prune."),
    page_size: z.int().min(1).max(10_000).optional(),
    concurrency: z.int().min(1).max(64).optional(),
    queries: z.int().min(0).max(10_000).optional().describe("Searches to compare. Default 50."),
  })
  .openapi("Migration", { example: { queries: 50 } });
