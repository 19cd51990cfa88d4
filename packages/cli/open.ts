import { connect } from "@cairn/core/database/connect.ts";
import { assertIsolation } from "@cairn/core/database/role-check.ts";
import { migrateSchema } from "@cairn/core/database/schema-migrations.ts";
import { createEmbedders } from "@cairn/core/embedding/embedders.ts";
import { AppError } from "@cairn/core/error.ts";
import type { Services } from "@cairn/core/services.ts";
import { getTenant, listTenants, type Tenant } from "@cairn/core/tenant/tenant.ts";
import type { Command } from "commander";
import { type Config, embeddingConfig, parseConfig } from "./config.ts";

export interface OpenOptions {
  /** `always`: bring the schema up to date also on a server. Default: only in the embedded database. */
  readonly schema?: "always" | "embedded" | "never";
}

/** Opens what the command's options name, hands it to `work` and closes it, whatever happens. */
export async function withServices<T>(
  command: Command,
  work: (services: Services, config: Config) => Promise<T>,
  { schema = "embedded" }: OpenOptions = {},
): Promise<T> {
  const config = parseConfig(command.optsWithGlobals());
  if (config.url)
    throw new AppError(
      "invalid_input",
      `cairn ${command.name()} works on a database: leave --url (CAIRN_URL) out. A service takes query and ingest.`,
      { path: "--url" },
    );
  const embedders = createEmbedders(embeddingConfig(config));
  const database = await connect({
    url: config.databaseUrl,
    directUrl: config.databaseDirectUrl,
    directory: config.directory,
    connections: config.connections,
    tenantConnections: config.tenantConnections,
  });
  try {
    if (schema === "always" || (schema === "embedded" && database.kind === "pglite"))
      await migrateSchema(database);
    if (schema !== "never") await assertIsolation(database);
    return await work({ database, embedders }, config);
  } finally {
    await database.close();
  }
}

/** For people: where the data is, without user and password. */
export function databaseName({ databaseUrl, directory }: Config): string {
  if (!databaseUrl) return directory;
  const url = URL.canParse(databaseUrl) ? new URL(databaseUrl) : undefined;
  return url ? `${url.host}${url.pathname}` : "PostgreSQL";
}

/** The tenant that `--tenant` names, or the only one there is. Throws `invalid_input`, listing some, or `not_found`. */
export async function chooseTenant({ database }: Services, name: string | undefined): Promise<Tenant> {
  if (name !== undefined) return getTenant(database, name);
  const tenants = await listTenants(database);
  const [only] = tenants;
  if (only && tenants.length === 1) return only;
  if (!only)
    throw new AppError("invalid_input", "There is no tenant yet. Make one: cairn tenants create NAME", {
      path: "--tenant",
    });
  const some = tenants
    .slice(0, 5)
    .map((tenant) => tenant.name)
    .join(", ");
  throw new AppError(
    "invalid_input",
    `There are ${tenants.length} tenants: say which with --tenant (${some}${tenants.length > 5 ? ", …" : ""}).`,
    { path: "--tenant" },
  );
}
