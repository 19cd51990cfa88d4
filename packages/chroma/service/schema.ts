import { z } from "@hono/zod-openapi";

const names = z.array(z.string().min(1).max(512)).min(1).max(1_000);

/** The options of a migration, the same as those of `cairn migrate`. */
export const migrationSchema = z
  .strictObject({
    pattern: z
      .string()
      .max(500)
      .optional()
      .describe(
        "Pattern that splits a collection's name into tenant and collection. Default: tenant_{tenant}_{collection}.",
      ),
    tenant: z.string().min(1).max(512).optional().describe("Tenant if the pattern has no {tenant}."),
    mapping: z
      .record(z.string(), z.unknown())
      .optional()
      .describe('Targets of collections: {"faq": {"tenant": "acme", "collection": "faq"}, "scratch": null}.'),
    only: names.optional().describe("Migrate only source collections with these names. * matches any text."),
    chroma_tenants: names.optional(),
    chroma_databases: names.optional(),
    re_embed: z.enum(["auto", "always", "never"]).optional(),
    model: z.string().max(200).optional(),
    source_model: z.string().max(200).optional(),
    prune: z.boolean().optional().describe("Delete records that a migration wrote and Chroma no longer has."),
    discard_changes: z
      .boolean()
      .optional()
      .describe(
        "Take Chroma's state: revert what was added, edited and deleted in Cairn since the migration, and prune.",
      ),
    page_size: z.int().min(1).max(10_000).optional(),
    concurrency: z.int().min(1).max(64).optional(),
    queries: z.int().min(0).max(10_000).optional().describe("Number of searches to compare. Default 50."),
  })
  .openapi("Migration", { example: { queries: 50 } });
