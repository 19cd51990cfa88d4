import { type JsonObject, stringifyJson } from "@cairn/core/database/json.ts";
import { AppError } from "@cairn/core/error.ts";
import { isTenantName, TENANT_NAME } from "@cairn/core/tenant/tenant.ts";
import { z } from "@hono/zod-openapi";
import { parseMapping } from "../protocol/mapping.ts";
import { DEFAULT_PATTERN, tenantName } from "../protocol/pattern.ts";
import { createTargetFinder, type TargetRules } from "../protocol/target-path.ts";

/** How the names of a Chroma server stand for tenants and their collections. */
export interface NamespaceSettings extends TargetRules {
  readonly patterns: readonly string[];
  /** The tenant of names that neither the mapping nor a pattern names. Undefined: such names are refused. */
  readonly fallback?: string;
}

const name = z
  .string()
  .refine(isTenantName, `a tenant's name has ${TENANT_NAME}`)
  .refine((text) => text === text.trim(), "a tenant's name does not begin or end with a space");

/** The settings as a caller sends them, and as they are stored. */
export const settingsFields = {
  patterns: z
    .array(z.string().min(1).max(500))
    .min(1)
    .max(100)
    .optional()
    .describe(
      "Patterns that split a collection's name, or `chroma-tenant/database/name`, into tenant and collection. The first that matches counts. Default: tenant_{tenant}_{collection}.",
    ),
  tenant: name.optional().describe("Tenant if a pattern has no {tenant}."),
  mapping: z
    .record(z.string(), z.unknown())
    .optional()
    .describe('Targets of single collections: {"faq": {"tenant": "acme", "collection": "faq"}, "scratch": null}.'),
  fallback: name.optional().describe("Tenant of names that nothing else matches. Default: such names are refused."),
};

const schema = z.strictObject(settingsFields);

/** Settings that a caller chose. */
export interface SettingsInput {
  readonly patterns?: readonly string[];
  readonly tenant?: string;
  readonly mapping?: Readonly<Record<string, unknown>>;
  readonly fallback?: string;
}

/** Checks settings that a caller chose. Throws `invalid_input`, in terms of the command line's options. */
export function createSettings(input: SettingsInput): NamespaceSettings {
  const result = schema.safeParse(input);
  if (!result.success) {
    const [issue] = result.error.issues;
    const path = String(issue?.path[0] ?? "");
    throw new AppError("invalid_input", `The namespace cannot be created: ${path}: ${issue?.message}.`, { path });
  }
  const { patterns = [DEFAULT_PATTERN], tenant, mapping, fallback } = result.data;
  const settings = {
    patterns,
    ...(tenant !== undefined && { tenant: tenantName(tenant) }),
    ...(mapping && { mapping: parseMapping(stringifyJson(mapping)) }),
    ...(fallback !== undefined && { fallback: tenantName(fallback) }),
  };
  createTargetFinder(settings); // throws for a pattern that cannot be used
  return settings;
}

/** The settings of a stored namespace. */
export function parseSettings(stored: JsonObject): NamespaceSettings {
  return createSettings(stored as SettingsInput);
}
