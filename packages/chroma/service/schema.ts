import { jobSchema } from "@cairn/api/schema/service.ts";
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

/** A request that starts a migration, or its dry run. An extension would be described as both schemas, of which one refuses `dry_run`. */
export const migrationRequestSchema = z
  .strictObject({
    ...migrationSchema.shape,
    dry_run: z
      .boolean()
      .optional()
      .describe("Reads every record once, writes nothing, and reports what the migration would do. Default false."),
  })
  .openapi("MigrationRequest", { example: { dry_run: true } });

const count = z.int();

/** Where a collection is, while a migration or a dry run is in progress. */
const collectionProgress = z
  .object({
    id: z.string().describe("Chroma's id of the collection."),
    collection: z.string(),
    tenant: z.string().describe("The tenant in Cairn. Empty in a dry run."),
    phase: z.enum(["copy", "verify", "done", "index", "failed"]),
    pass: count,
    done: count.describe("Records of this pass."),
    total: count,
    detail: z.string().nullable().describe("Why the collection failed."),
  })
  .openapi("CollectionProgress");

/** A migration or a dry run, as a list shows it. */
export const migrationSummarySchema = jobSchema
  .extend({
    dry_run: z.boolean(),
    verdict: z
      .enum(["identical", "identical_with_exceptions", "not_identical"])
      .nullable()
      .describe("Null: a dry run, not finished, or the report is too large for a list."),
  })
  .openapi("MigrationSummary");

export const migrationStatusSchema = migrationSummarySchema
  .extend({
    progress: z
      .array(collectionProgress)
      .describe("Collections of a migration in progress, at most 200: those that failed and those in work first."),
  })
  .openapi("MigrationStatus");

export const migrationSourceSchema = z
  .object({ url: z.string().describe("Its address, without credentials.") })
  .nullable()
  .describe("The Chroma server that the service is configured with. Null: none.");
