import { embeddingConfig } from "@cairn/api/settings/embedding-config.ts";
import { rerankerOf } from "@cairn/api/settings/rerank-config.ts";
import { longFlag, settingName } from "@cairn/api/settings/setting.ts";
import { SETTINGS } from "@cairn/api/settings/table.ts";
import { connect } from "@cairn/core/database/connect.ts";
import { assertIsolation } from "@cairn/core/database/role-check.ts";
import { migrateSchema } from "@cairn/core/database/schema-migrations.ts";
import { createEmbedders, type EmbeddingConfig } from "@cairn/core/embedding/embedders.ts";
import { AppError } from "@cairn/core/error.ts";
import type { Services } from "@cairn/core/services.ts";
import { getTenant, listTenants, type Tenant } from "@cairn/core/tenant/tenant.ts";
import type { Command } from "commander";
import { type Config, parseConfig } from "./config.ts";

export interface OpenOptions {
  /**
   * When to apply pending schema migrations. `always`: also on a server. `embedded` (default): only in the embedded database.
   * `never`: not at all; the isolation check is skipped, too.
   */
  readonly schema?: "always" | "embedded" | "never";
  /** Maximum number of database connections, and of those that one tenant uses. */
  readonly connections?: number;
  readonly tenantConnections?: number;
}

/** Opens the database and the embedders that the options name, runs `work` with them, and closes the database. */
export async function withServices<T>(
  command: Command,
  work: (services: Services, config: Config) => Promise<T>,
  { schema = "embedded", connections, tenantConnections }: OpenOptions = {},
): Promise<T> {
  const config = parseConfig(command.optsWithGlobals());
  if (config.url)
    throw new AppError(
      "invalid_input",
      `cairn ${command.name()} needs a database, not a service. Omit ${settingName(SETTINGS.url)}. Only query and ingest work with ${longFlag(SETTINGS.url)}.`,
      { path: longFlag(SETTINGS.url) },
    );
  const embedders = createEmbedders(embedderOptions(config));
  const reranker = rerankerOf(config);
  const database = await connect({
    url: config.databaseUrl,
    directUrl: config.databaseDirectUrl,
    directory: config.directory,
    connections,
    tenantConnections,
  });
  try {
    if (schema === "always" || (schema === "embedded" && database.kind === "pglite")) await migrateSchema(database);
    if (schema !== "never") await assertIsolation(database);
    return await work({ database, embedders, reranker }, config);
  } finally {
    await database.close();
  }
}

/** Like `withServices`, for a command of the tenant that `--tenant` names. */
export function withTenant<T>(
  command: Command,
  work: (services: Services, tenant: Tenant, config: Config) => Promise<T>,
): Promise<T> {
  return withServices(command, async (services, config) =>
    work(services, await chooseTenant(services, command.opts().tenant), config),
  );
}

/** The embedders' configuration of a command. Without a server, the bundled model is the default. */
export function embedderOptions(config: Config): EmbeddingConfig {
  return { ...embeddingConfig(config), bundledByDefault: config.databaseUrl === undefined };
}

/** Returns a name of the database for display: its host and path, without user and password, or its folder. */
export function databaseName({ databaseUrl, directory }: Config): string {
  if (!databaseUrl) return directory;
  const url = URL.canParse(databaseUrl) ? new URL(databaseUrl) : undefined;
  return url ? `${url.host}${url.pathname}` : "PostgreSQL";
}

/**
 * Returns the tenant that `--tenant` names, or the only tenant of the database. Throws `not_found`, or `invalid_input` with
 * the names of up to five tenants.
 */
export async function chooseTenant({ database }: Services, name: string | undefined): Promise<Tenant> {
  if (name !== undefined) return getTenant(database, name);
  const tenants = await listTenants(database);
  const [only] = tenants;
  if (only && tenants.length === 1) return only;
  if (!only)
    throw new AppError("invalid_input", "There is no tenant yet. Create one: cairn tenants create NAME", {
      path: "--tenant",
    });
  const examples = tenants
    .slice(0, 5)
    .map((tenant) => tenant.name)
    .join(", ");
  throw new AppError(
    "invalid_input",
    `There are ${tenants.length} tenants. Choose one with --tenant (${examples}${tenants.length > 5 ? ", …" : ""}).`,
    { path: "--tenant" },
  );
}
