import type { JsonObject } from "@cairn/core/database/json.ts";
import type { MigrateOptions } from "../migrate.ts";
import { parseMapping } from "../protocol/mapping.ts";
import { migrationSchema } from "./schema.ts";

/** Parses a migration's options from a request. Throws if the request is invalid. */
export function parseMigrationRequest(request: JsonObject): Omit<MigrateOptions, "databaseName" | "cairnVersion"> {
  const {
    pattern,
    mapping,
    chroma_tenants,
    chroma_databases,
    re_embed,
    page_size,
    source_model,
    discard_changes,
    ...rest
  } = migrationSchema.parse(request);
  return {
    ...rest,
    patterns: pattern === undefined ? undefined : [pattern],
    mapping: mapping && parseMapping(JSON.stringify(mapping)),
    scope: { tenants: chroma_tenants, databases: chroma_databases },
    reEmbed: re_embed ?? "auto",
    pageSize: page_size,
    sourceModel: source_model,
    discardChanges: discard_changes,
  };
}
