import { and, asc, eq, ne, or, sql } from "drizzle-orm";
import type { Database, Orm } from "../database/database.ts";
import { hasSqlState } from "../database/failure.ts";
import { tenants } from "../database/schema.ts";
import { encodeText } from "../database/text.ts";
import { asAdmin } from "../database/transaction.ts";
import { AppError } from "../error.ts";
import { assertTenantNotReplicated } from "../replication/role.ts";
import type { StorageQuota } from "../usage/quota.ts";
import { parseUuid } from "./uuid.ts";

export interface Tenant {
  readonly id: string;
  readonly name: string;
  readonly createdAt: Date;
  readonly limits: TenantLimits;
  /** When its keys were disabled; null: they are enabled. */
  readonly disabledAt: Date | null;
}

/** Limits of a tenant that differ from the service's defaults. */
export interface TenantLimits extends StorageQuota {
  readonly requestsPerMinute?: number;
  readonly embeddingTokensPerDay?: number;
}

export interface NewTenant {
  /** Unique display name. Default: the id. */
  readonly name?: string;
  /** A UUID that the caller chooses, in any notation. Default: a random one. */
  readonly id?: string;
}

const columns = {
  id: tenants.id,
  name: tenants.name,
  createdAt: tenants.createdAt,
  limits: sql<TenantLimits>`coalesce(${tenants.settings}->'limits', '{}')`,
  disabledAt: tenants.disabledAt,
};

/** Creates a tenant. Throws `already_exists` if the name or id is taken. */
export async function createTenant(database: Database, tenant: NewTenant = {}): Promise<Tenant> {
  const id = tenant.id === undefined ? crypto.randomUUID() : parseUuid(tenant.id);
  if (id === undefined)
    throw new AppError("invalid_input", `A tenant's id must be a UUID, not ${JSON.stringify(tenant.id)}.`, {
      path: "id",
    });
  const name = tenant.name ?? id;
  assertName(name);
  return asAdmin(database, async ({ orm }) => {
    await assertUnambiguous(orm, { id, name });
    const [created] = await orm.insert(tenants).values({ id, name }).onConflictDoNothing().returning(columns);
    if (!created) throw alreadyExists(tenant.name, tenant.id === undefined ? undefined : id);
    return created;
  });
}

/** The error for a taken name or id. It names only what the caller chose, not a random id. */
function alreadyExists(name: string | undefined, id: string | undefined): AppError {
  const taken = [
    ...(name === undefined ? [] : [`the name ${JSON.stringify(name)}`]),
    ...(id === undefined ? [] : [`the id ${id}`]),
  ];
  const alternative = name === undefined ? "another id" : "another name";
  return new AppError(
    "already_exists",
    `The tenant cannot be created: ${taken.join(" or ")} is already taken. Choose ${alternative}, or use the existing tenant.`,
    { path: name === undefined ? "id" : "name" },
  );
}

/** The tenant with this id (a UUID in any notation) or name. Throws `not_found`. */
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

/** The tenant with this id or name. Creates it if it is missing: a UUID in any notation becomes its id. */
export async function ensureTenant(database: Database, idOrName: string): Promise<Tenant> {
  assertName(idOrName);
  return asAdmin(database, async ({ orm }) => {
    const existing = await findTenant(orm, idOrName);
    if (existing) return existing;
    const id = parseUuid(idOrName);
    await orm
      .insert(tenants)
      .values(id ? { id, name: id } : { name: idOrName })
      .onConflictDoNothing();
    const tenant = await findTenant(orm, idOrName);
    if (!tenant) throw new AppError("already_exists", `The id ${idOrName} belongs to a tenant with another name.`);
    return tenant;
  });
}

/** All tenants, sorted by name. */
export function listTenants(database: Database): Promise<readonly Tenant[]> {
  return asAdmin(database, ({ orm }) => orm.select(columns).from(tenants).orderBy(asc(tenants.name)));
}

export interface TenantChanges {
  readonly name?: string;
  /** Replaces all limits that were set before. */
  readonly limits?: TenantLimits;
  /** True: its keys are refused as soon as cached credentials expire. */
  readonly disabled?: boolean;
}

/** Changes a tenant. Throws `not_found`, or `already_exists` if the new name is taken. */
export async function changeTenant(
  database: Database,
  idOrName: string,
  { name, limits, disabled }: TenantChanges,
): Promise<Tenant> {
  if (name !== undefined) assertName(name);
  const { id } = await getTenant(database, idOrName);
  const changes = {
    ...(name === undefined ? {} : { name }),
    ...(disabled === undefined ? {} : { disabledAt: disabled ? new Date() : null }),
    ...(limits === undefined
      ? {}
      : {
          settings: sql`${tenants.settings} || jsonb_build_object('limits', ${JSON.stringify(limits)}::jsonb)`,
        }),
  };
  const changed = await saveChanges(database, id, { name, changes });
  if (limits !== undefined) {
    const { applyQuota } = await import("../usage/measure.ts"); // rarely needed
    await applyQuota(database, id, limits);
  }
  return changed;
}

async function saveChanges(
  database: Database,
  id: string,
  { name, changes }: { readonly name: string | undefined; readonly changes: object },
): Promise<Tenant> {
  try {
    return await asAdmin(database, async ({ orm }) => {
      if (name !== undefined) await assertUnambiguous(orm, { id, name });
      if (Object.keys(changes).length > 0) await orm.update(tenants).set(changes).where(eq(tenants.id, id));
      const [changed] = await orm.select(columns).from(tenants).where(eq(tenants.id, id));
      if (!changed) throw new AppError("not_found", `There is no tenant ${JSON.stringify(id)}.`);
      return changed;
    });
  } catch (error) {
    if (hasSqlState(error, "23505"))
      throw new AppError("already_exists", `The name ${JSON.stringify(name)} is already taken. Choose another name.`, {
        cause: error,
      });
    throw error;
  }
}

/** Deletes a tenant and all its data. Throws `not_found`, and `invalid_input` while the tenant is replicated to or from another system. */
export async function deleteTenant(database: Database, id: string): Promise<void> {
  const tenant = await getTenant(database, id);
  await asAdmin(database, async ({ orm }) => {
    await assertTenantNotReplicated(orm, tenant);
    await orm.delete(tenants).where(eq(tenants.id, tenant.id));
  });
}

export const TENANT_NAME = "1 to 512 characters, no control characters";

export function isTenantName(name: string): boolean {
  return /^[^\p{Cc}\p{Cs}\uFFFE]{1,512}$/u.test(name);
}

function assertName(name: string): void {
  if (isTenantName(name)) return;
  throw new AppError("invalid_input", `A tenant's name has ${TENANT_NAME}, not ${JSON.stringify(name.slice(0, 80))}.`, {
    path: "name",
  });
}

/**
 * Throws `already_exists` if the name is another tenant's id in any notation, or the id another tenant's name: one UUID would
 * then name two tenants.
 */
async function assertUnambiguous(orm: Orm, { id, name }: Pick<Tenant, "id" | "name">): Promise<void> {
  const uuid = parseUuid(name);
  const idTaken = uuid === undefined || uuid === id ? sql`false` : eq(tenants.id, uuid);
  const [other] = await orm
    .select({ id: tenants.id, name: tenants.name })
    .from(tenants)
    .where(and(ne(tenants.id, id), or(idTaken, eq(tenants.name, id))))
    .limit(1);
  if (!other) return;
  throw new AppError(
    "already_exists",
    other.name === id
      ? `The id ${id} is the name of another tenant. Choose another id.`
      : `The name ${JSON.stringify(name)} is the id of another tenant. Choose another name.`,
    { path: other.name === id ? "id" : "name" },
  );
}

async function findTenant(orm: Orm, input: string): Promise<Tenant | undefined> {
  const idOrName = encodeText(input); // so that a text that Postgres cannot store is not found instead of failing
  const id = parseUuid(idOrName);
  const byName = eq(tenants.name, idOrName);
  const where = id ? or(eq(tenants.id, id), byName, eq(tenants.name, id)) : byName;
  // A tenant with this id comes before another tenant that has the UUID as its name.
  const [tenant] = await orm
    .select(columns)
    .from(tenants)
    .where(where)
    .orderBy(sql`${tenants.id}::text = ${id ?? ""} DESC, ${byName} DESC`)
    .limit(1);
  return tenant;
}
