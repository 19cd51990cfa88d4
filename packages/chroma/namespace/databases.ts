import type { Orm } from "@cairn/core/database/database.ts";
import { decodeText, encodeText } from "@cairn/core/database/text.ts";
import { AppError } from "@cairn/core/error.ts";
import { type SQL, sql } from "drizzle-orm";
import { CHROMA_DEFAULTS } from "../protocol/path.ts";
import type { ChromaDatabase, ChromaTenant, DatabasePath, Page } from "../server/view/view.ts";

// The tenants and databases that clients of a namespace have created: rows of the control plane. The default tenant and its
// default database always exist and need no row.

/** Id of the default database, as in Chroma. */
const DEFAULT_DATABASE_ID = "00000000-0000-0000-0000-000000000000";

function isDefaultTenant(name: string): boolean {
  return name === CHROMA_DEFAULTS.tenant;
}

function isDefaultDatabase({ tenant, database }: DatabasePath): boolean {
  return isDefaultTenant(tenant) && database === CHROMA_DEFAULTS.database;
}

export async function readTenant(orm: Orm, namespaceId: string, name: string): Promise<ChromaTenant | undefined> {
  const [row] = await orm.selectRows<{ resource_name: string | null }>(sql`
    SELECT resource_name FROM cairn.namespace_tenants
    WHERE namespace_id = ${namespaceId}::uuid AND name = ${encodeText(name)}`);
  if (!row && !isDefaultTenant(name)) return undefined;
  const resourceName = row?.resource_name ?? null;
  return { name, resourceName: resourceName === null ? null : decodeText(resourceName) };
}

/** Adds those of the tenants that do not exist. Returns their number. */
export async function insertTenants(orm: Orm, namespaceId: string, names: readonly string[]): Promise<number> {
  const added = names.filter((name) => !isDefaultTenant(name));
  added.forEach(assertName);
  const inserted = await orm.selectRows(sql`
    INSERT INTO cairn.namespace_tenants (namespace_id, name)
    SELECT ${namespaceId}::uuid, unnest(${texts(added)}) ON CONFLICT DO NOTHING RETURNING 1`);
  return inserted.length;
}

/** Sets the resource name of a tenant that exists. */
export async function saveResourceName(
  orm: Orm,
  namespaceId: string,
  { name, resourceName }: { readonly name: string; readonly resourceName: string },
): Promise<void> {
  await orm.execute(sql`
    INSERT INTO cairn.namespace_tenants (namespace_id, name, resource_name)
    VALUES (${namespaceId}::uuid, ${encodeText(name)}, ${encodeText(resourceName)})
    ON CONFLICT (namespace_id, name) DO UPDATE SET resource_name = excluded.resource_name`);
}

export async function readDatabase(
  orm: Orm,
  namespaceId: string,
  { tenant, database: name }: DatabasePath,
): Promise<ChromaDatabase | undefined> {
  if (isDefaultDatabase({ tenant, database: name })) return { id: DEFAULT_DATABASE_ID, name, tenant };
  const [row] = await orm.selectRows<{ id: string }>(sql`
    SELECT id FROM cairn.namespace_databases
    WHERE namespace_id = ${namespaceId}::uuid AND tenant_name = ${encodeText(tenant)} AND name = ${encodeText(name)}`);
  return row && { id: row.id, name, tenant };
}

/** The databases of a tenant, by name. */
export async function readDatabases(
  orm: Orm,
  namespaceId: string,
  { tenant, limit, offset }: Page & { readonly tenant: string },
): Promise<readonly ChromaDatabase[]> {
  const rows = await orm.selectRows<{ id: string; name: string }>(sql`
    SELECT id, name FROM (
      SELECT id, name FROM cairn.namespace_databases
      WHERE namespace_id = ${namespaceId}::uuid AND tenant_name = ${encodeText(tenant)}
      UNION ALL
      SELECT ${DEFAULT_DATABASE_ID}::uuid, ${CHROMA_DEFAULTS.database}::text WHERE ${isDefaultTenant(tenant)}) AS found
    ORDER BY name COLLATE "C" LIMIT ${limit ?? null}::bigint OFFSET ${offset ?? 0}::bigint`);
  return rows.map(({ id, name }) => ({ id, name: decodeText(name), tenant }));
}

/**
 * Adds those of the databases that do not exist, also under a tenant that does not exist, as Chroma does. Returns their
 * number.
 */
export async function insertDatabases(orm: Orm, namespaceId: string, paths: readonly DatabasePath[]): Promise<number> {
  const added = paths.filter((path) => !isDefaultDatabase(path));
  for (const { tenant, database } of added) for (const name of [tenant, database]) assertName(name);
  const inserted = await orm.selectRows(sql`
    INSERT INTO cairn.namespace_databases (namespace_id, tenant_name, name)
    SELECT ${namespaceId}::uuid, p.tenant, p.name
    FROM unnest(${texts(added.map(({ tenant }) => tenant))}, ${texts(added.map(({ database }) => database))}) AS p (tenant, name)
    ON CONFLICT DO NOTHING RETURNING 1`);
  return inserted.length;
}

function texts(values: readonly string[]): SQL {
  return sql`${sql.param(values.map(encodeText))}::text[]`;
}

/** Removes a database and the names of its collections. */
export async function removeDatabase(orm: Orm, namespaceId: string, { tenant, database }: DatabasePath): Promise<void> {
  const ofTenant = sql`namespace_id = ${namespaceId}::uuid AND tenant_name = ${encodeText(tenant)}`;
  const name = encodeText(database);
  await orm.execute(sql`DELETE FROM cairn.namespace_collections WHERE ${ofTenant} AND database_name = ${name}`);
  await orm.execute(sql`DELETE FROM cairn.namespace_databases WHERE ${ofTenant} AND name = ${name}`);
}

/** Removes all names of the namespace: tenants, databases and collections. */
export async function removeNames(orm: Orm, namespaceId: string): Promise<void> {
  for (const table of ["namespace_collections", "namespace_databases", "namespace_tenants"])
    await orm.execute(sql`DELETE FROM cairn.${sql.raw(table)} WHERE namespace_id = ${namespaceId}::uuid`);
}

/** Bytes of a name. A collection's key in an index holds two of them and its own name. */
const MAX_NAME_BYTES = 512;

/** Whether a tenant or a database can have this name. */
export function isChromaName(name: string): boolean {
  return name !== "" && Buffer.byteLength(encodeText(name)) <= MAX_NAME_BYTES;
}

function assertName(name: string): void {
  if (isChromaName(name)) return;
  throw new AppError(
    "invalid_input",
    `The name cannot be used: it has ${Buffer.byteLength(name)} bytes, and 1 to ${MAX_NAME_BYTES} are possible.`,
    { path: "name" },
  );
}
