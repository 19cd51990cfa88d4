import type { Job } from "@cairn/core/job/job.ts";
import type { ApiKey, ApiKeyOptions, NewApiKey } from "@cairn/core/tenant/api-key.ts";
import type { Tenant, TenantLimits } from "@cairn/core/tenant/tenant.ts";
import { MAX_UUID_LENGTH, parseUuid } from "@cairn/core/tenant/uuid.ts";
import { z } from "@hono/zod-openapi";

const date = z.iso.datetime();

const limitsSchema = z
  .strictObject({
    requests_per_minute: z.int().min(1).max(1_000_000_000).optional(),
    embedding_tokens_per_day: z.int().min(0).max(1_000_000_000_000).optional(),
    stored_rows: z.int().min(0).max(1_000_000_000_000).optional().describe("Passages that the tenant may store."),
    stored_bytes: z
      .int()
      .min(0)
      .max(1_000_000_000_000_000)
      .optional()
      .describe("Bytes that the tenant's rows may take, without indexes."),
  })
  .openapi("Limits", { description: "Limits of the tenant that differ from those of the service." });

export const tenantSchema = z
  .object({
    id: z.uuid(),
    name: z.string(),
    limits: limitsSchema,
    created_at: date,
    disabled_at: date.nullable(),
  })
  .openapi("Tenant");

const tenantName = z.string().min(1).max(512);

export const newTenantSchema = z
  .strictObject({
    name: tenantName.optional(),
    id: z
      .string()
      .max(MAX_UUID_LENGTH)
      .refine((id) => parseUuid(id) !== undefined, "It must be a UUID.")
      .optional()
      .describe("A UUID in any notation, with or without hyphens. Default: a random one."),
  })
  .openapi("NewTenant", { example: { name: "acme" } });

export const tenantChangesSchema = z
  .strictObject({
    name: tenantName.optional(),
    limits: limitsSchema.optional(),
    disabled: z.boolean().optional(),
  })
  .openapi("TenantChanges", { example: { limits: { requests_per_minute: 600 } } });

export const keySchema = z
  .object({
    id: z.uuid(),
    name: z.string(),
    hint: z.string().describe("The last characters of the secret."),
    scopes: z.array(z.enum(["read", "write", "admin"])),
    created_at: date,
    expires_at: date.nullable(),
    revoked_at: date.nullable(),
    last_used_at: date.nullable(),
  })
  .openapi("Key");

export const newKeySchema = z
  .strictObject({
    name: z.string().max(200).optional(),
    scopes: z
      .array(z.enum(["read", "write", "admin"]))
      .min(1)
      .max(3)
      .optional()
      .describe("What the key may do. Default: read and write."),
    expires_at: z.iso.datetime({ offset: true }).optional(),
  })
  .openapi("NewKey", { example: { name: "web shop", scopes: ["read"] } });

export const createdKeySchema = z
  .object({ key: keySchema, secret: z.string().describe("Shown only once. It is not stored.") })
  .openapi("MadeKey");

export const jobSchema = z
  .object({
    id: z.uuid(),
    kind: z.string(),
    status: z.enum(["in_progress", "completed", "failed", "cancelled"]),
    counts: z.record(z.string(), z.number()).describe("Progress of the job."),
    result: z.record(z.string(), z.unknown()).nullable(),
    last_error: z.object({ code: z.string(), message: z.string() }).nullable(),
    attempts: z
      .int()
      .describe(
        "Workers that took the job, without those that released it. After 3 lost workers it fails with worker_lost.",
      ),
    created_at: date,
    updated_at: date,
    finished_at: date.nullable(),
  })
  .openapi("Job");

export function fromTenant(tenant: Tenant): z.infer<typeof tenantSchema> {
  const { id, name, limits, createdAt, disabledAt } = tenant;
  return {
    id,
    name,
    limits: {
      requests_per_minute: limits.requestsPerMinute,
      embedding_tokens_per_day: limits.embeddingTokensPerDay,
      stored_rows: limits.storedRows,
      stored_bytes: limits.storedBytes,
    },
    created_at: createdAt.toISOString(),
    disabled_at: disabledAt?.toISOString() ?? null,
  };
}

export function toLimits(limits: z.infer<typeof limitsSchema>): TenantLimits {
  return {
    requestsPerMinute: limits.requests_per_minute,
    embeddingTokensPerDay: limits.embedding_tokens_per_day,
    storedRows: limits.stored_rows,
    storedBytes: limits.stored_bytes,
  };
}

export function fromKey(key: ApiKey): z.infer<typeof keySchema> {
  return {
    id: key.id,
    name: key.name,
    hint: key.hint,
    scopes: [...key.scopes],
    created_at: key.createdAt.toISOString(),
    expires_at: key.expiresAt?.toISOString() ?? null,
    revoked_at: key.revokedAt?.toISOString() ?? null,
    last_used_at: key.lastUsedAt?.toISOString() ?? null,
  };
}

export function toKeyOptions({ name, scopes, expires_at: expiresAt }: z.infer<typeof newKeySchema>): ApiKeyOptions {
  return { name, scopes, expiresAt: expiresAt === undefined ? undefined : new Date(expiresAt) };
}

export function fromNewKey({ key, secret }: NewApiKey): z.infer<typeof createdKeySchema> {
  return { key: fromKey(key), secret };
}

export function fromJob(job: Job): z.infer<typeof jobSchema> {
  return {
    id: job.id,
    kind: job.kind,
    status: job.status,
    counts: { ...job.counts },
    result: job.status === "completed" ? job.result : null,
    last_error: job.lastError,
    attempts: job.attempts,
    created_at: job.createdAt.toISOString(),
    updated_at: job.updatedAt.toISOString(),
    finished_at: job.finishedAt?.toISOString() ?? null,
  };
}
