import { readdir } from "node:fs/promises";
import type { SchemaMigration } from "@cairn/core/database/schema-migrations.ts";

/** The schema migrations in the folder `migrations`, oldest first. */
export async function schemaSteps(): Promise<readonly SchemaMigration[]> {
  const files = await readdir(new URL("../../migrations/", import.meta.url));
  return files
    .filter((file) => file.endsWith(".up.sql"))
    .sort()
    .map((file) => ({ version: Number(file.slice(0, 4)), name: file.slice(5, -".up.sql".length) }));
}
