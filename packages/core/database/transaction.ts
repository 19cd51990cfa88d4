import { sql } from "drizzle-orm";
import { AppError } from "../error.ts";
import type { Database, Transaction } from "./database.ts";
import type { Settings } from "./settings.ts";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/**
 * Runs `work` in a transaction that sees the rows of one tenant and no other: as the role cairn_app, with the
 * tenant in a setting that row-level security reads. Both end with the transaction, so a pooled connection carries
 * nothing over. Throws `not_found` where the id is no UUID.
 */
export async function asTenant<T>(
  database: Database,
  tenantId: string,
  work: (transaction: Transaction) => Promise<T>,
  settings?: Settings,
): Promise<T> {
  return database.transaction(work, { ...tenantSettings(tenantId), ...settings });
}

/** Runs `work` as the role cairn_admin: tenants and the migration ledger, no collection and no document. */
export function asAdmin<T>(database: Database, work: (transaction: Transaction) => Promise<T>): Promise<T> {
  return database.transaction(work, ADMIN_SETTINGS);
}

/** Turns the rest of an open transaction into one of the tenant's. */
export async function becomeTenant(transaction: Transaction, tenantId: string): Promise<void> {
  await transaction.set(tenantSettings(tenantId));
}

/** Turns the rest of an open transaction into the administrator's. */
export async function becomeAdmin(transaction: Transaction): Promise<void> {
  await transaction.set(ADMIN_SETTINGS);
}

const ADMIN_SETTINGS: Settings = { role: "cairn_admin", "cairn.tenant_id": "" };

/** The settings that make a transaction a tenant's. Nothing but a UUID comes this far. */
export function tenantSettings(tenantId: string): Settings {
  if (!UUID.test(tenantId))
    throw new AppError("not_found", `There is no tenant ${tenantId}.`, { remedy: "list_tenants" });
  return { role: "cairn_app", "cairn.tenant_id": tenantId };
}

/** A UUID as a literal in SQL: Postgres prunes partitions and matches partial indexes by literals only. */
export function uuidLiteral(id: string) {
  if (!UUID.test(id)) throw new AppError("invalid_input", `${JSON.stringify(id)} is not a UUID.`);
  return sql.raw(`'${id}'::uuid`);
}
