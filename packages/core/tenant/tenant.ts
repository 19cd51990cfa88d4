import { asc, eq, or, sql } from "drizzle-orm";
import type { Database, Orm } from "../database/database.ts";
import { hasSqlState } from "../database/failure.ts";
import { tenants } from "../database/schema.ts";
import { encodeText } from "../database/text.ts";
import { asAdmin } from "../database/transaction.ts";
import { AppError } from "../error.ts";
import { parseUuid } from "./uuid.ts";

export interface Tenant {
  readonly id: string;
  readonly name: string;
  readonly createdAt: Date;
  readonly limits: TenantLimits;
  /** Since when its keys are refused; null: they are not. */
  readonly disabledAt: Date | null;
}

/** What a tenant may use, where it differs from the service's own limits. */
export interface TenantLimits {
  readonly requestsPerMinute?: number;
  readonly embeddingTokensPerDay?: number;
}

export interface NewTenant {
  /** Unique; for people. Default: the id. */
  readonly name?: string;
  /** A UUID of the caller's own, in any notation. Default: a random one. */
  readonly id?: string;
}

const columns = {
  id: tenants.id,
  name: tenants.name,
  createdAt: tenants.createdAt,
  limits: sql<TenantLimits>`coalesce(${tenants.settings}->'limits', '{}')`,
  disabledAt: tenants.disabledAt,
};

/** Makes a tenant. Throws `already_exists` where the name or id is taken. */
export async function createTenant(database: Database, tenant: NewTenant = {}): Promise<Tenant> {
  const id = tenant.id === undefined ? crypto.randomUUID() : parseUuid(tenant.id);
  if (id === undefined)
    throw new AppError("invalid_input", `A tenant's id is a UUID, not ${JSON.stringify(tenant.id)}.`, {
      path: "id",
    });
  const name = tenant.name ?? id;
  assertName(name);
  assertOwnUuid(name, id);
  return asAdmin(database, async ({ orm }) => {
    const [made] = await orm.insert(tenants).values({ id, name }).onConflictDoNothing().returning(columns);
    if (!made) throw takenBy(tenant.name, tenant.id === undefined ? undefined : id);
    return made;
  });
}

/** Names what the caller gave: an id that was made up says nothing to anybody. */
function takenBy(name: string | undefined, id: string | undefined): AppError {
  const named = name === undefined ? "" : ` ${JSON.stringify(name)}`;
  const numbered = name === undefined ? ` with the id ${id}` : `, or one with the id ${id}`;
  const others = name === undefined ? "another id" : "another name";
  const says = `There is a tenant${named} already${id === undefined ? "" : numbered}`;
  return new AppError("already_exists", `${says}. Choose ${others}, or use it as it is.`, {
    path: name === undefined ? "id" : "name",
  });
}

/** The tenant with this id, in any notation of UUIDs, or name. Throws `not_found`. */
export function getTenant(database: Database, idOrName: string): Promise<Tenant> {
  return asAdmin(database, async ({ orm }) => {
    const tenant = await findTenant(orm, idOrName);
    if (!tenant)
      throw new AppError("not_found", `There is no tenant ${JSON.stringify(idOrName)}.`, {
        remedy: "list_tenants",
      });
    return tenant;
  });
}

/** The tenant with this id or name, made where it is missing; a UUID in any notation becomes the id. */
export async function ensureTenant(database: Database, idOrName: string): Promise<Tenant> {
  assertName(idOrName);
  return asAdmin(database, async ({ orm }) => {
    const known = await findTenant(orm, idOrName);
    if (known) return known;
    const id = parseUuid(idOrName);
    await orm
      .insert(tenants)
      .values(id ? { id, name: id } : { name: idOrName })
      .onConflictDoNothing();
    const tenant = await findTenant(orm, idOrName);
    if (!tenant)
      throw new AppError("already_exists", `The id ${idOrName} belongs to a tenant of another name.`);
    return tenant;
  });
}

/** Every tenant, by name. */
export function listTenants(database: Database): Promise<readonly Tenant[]> {
  return asAdmin(database, ({ orm }) => orm.select(columns).from(tenants).orderBy(asc(tenants.name)));
}

export interface TenantChanges {
  readonly name?: string;
  /** In the place of all that were set before. */
  readonly limits?: TenantLimits;
  /** True: its keys are refused from now on, within the time that keys are remembered for. */
  readonly disabled?: boolean;
}

/** Changes a tenant. Throws `not_found`, or `already_exists` where the new name is taken. */
export async function changeTenant(
  database: Database,
  idOrName: string,
  { name, limits, disabled }: TenantChanges,
): Promise<Tenant> {
  if (name !== undefined) assertName(name);
  const { id } = await getTenant(database, idOrName);
  if (name !== undefined) assertOwnUuid(name, id);
  const changes = {
    ...(name === undefined ? {} : { name }),
    ...(disabled === undefined ? {} : { disabledAt: disabled ? new Date() : null }),
    ...(limits === undefined
      ? {}
      : {
          settings: sql`${tenants.settings} || jsonb_build_object('limits', ${JSON.stringify(limits)}::jsonb)`,
        }),
  };
  try {
    return await asAdmin(database, async ({ orm }) => {
      if (Object.keys(changes).length > 0) await orm.update(tenants).set(changes).where(eq(tenants.id, id));
      const [changed] = await orm.select(columns).from(tenants).where(eq(tenants.id, id));
      if (!changed) throw new AppError("not_found", `There is no tenant ${JSON.stringify(idOrName)}.`);
      return changed;
    });
  } catch (error) {
    if (hasSqlState(error, "23505"))
      throw new AppError("already_exists", `There is a tenant ${JSON.stringify(name)} already.`, {
        cause: error,
      });
    throw error;
  }
}

/** Deletes a tenant with everything it has. Throws `not_found`. */
export async function deleteTenant(database: Database, id: string): Promise<void> {
  const tenant = await getTenant(database, id);
  await asAdmin(database, ({ orm }) => orm.delete(tenants).where(eq(tenants.id, tenant.id)));
}

export const TENANT_NAME = "1 to 512 characters, no control characters";

export function isTenantName(name: string): boolean {
  return /^[^\p{Cc}\p{Cs}\uFFFE]{1,512}$/u.test(name);
}

function assertName(name: string): void {
  if (isTenantName(name)) return;
  throw new AppError(
    "invalid_input",
    `A tenant's name is ${TENANT_NAME}, not ${JSON.stringify(name.slice(0, 80))}.`,
    { path: "name" },
  );
}

/** A name that is a UUID is the tenant's own id: another's would make two tenants answer to one address. */
function assertOwnUuid(name: string, id: string): void {
  const uuid = parseUuid(name);
  if (uuid === undefined || uuid === id) return;
  throw new AppError(
    "invalid_input",
    `A tenant's name cannot be the UUID of another tenant, and ${JSON.stringify(name)} is not this tenant's id (${id}). Choose a name that is no UUID.`,
    { path: "name" },
  );
}

async function findTenant(orm: Orm, given: string): Promise<Tenant | undefined> {
  const idOrName = encodeText(given); // what no name can hold is not found, not a failure
  const id = parseUuid(idOrName);
  const byName = eq(tenants.name, idOrName);
  const where = id ? or(eq(tenants.id, id), byName, eq(tenants.name, id)) : byName;
  // The id wins over another tenant that calls itself so.
  const [tenant] = await orm
    .select(columns)
    .from(tenants)
    .where(where)
    .orderBy(sql`${tenants.id}::text = ${id ?? ""} DESC, ${byName} DESC`)
    .limit(1);
  return tenant;
}
