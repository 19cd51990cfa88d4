import type { Namespace } from "@cairn/core/tenant/namespace.ts";
import { z } from "@hono/zod-openapi";
import { settingsFields } from "../../namespace/settings.ts";

export const newNamespaceSchema = z
  .strictObject({ name: z.string().min(1).max(200), ...settingsFields })
  .openapi("NewNamespace", { example: { name: "shop", patterns: ["tenant_{tenant}_{collection}"] } });

export const namespaceSchema = z
  .object({
    id: z.uuid(),
    name: z.string(),
    settings: z.record(z.string(), z.unknown()).describe("Patterns, mapping and fallback tenant. They do not change."),
    created_at: z.iso.datetime(),
  })
  .openapi("Namespace");

export function fromNamespace({ id, name, settings, createdAt }: Namespace): z.infer<typeof namespaceSchema> {
  return { id, name, settings, created_at: createdAt.toISOString() };
}
