import { setTimeout as sleep } from "node:timers/promises";
import { sql } from "drizzle-orm";
import { AppError } from "../error.ts";
import type { Database, Transaction } from "./database.ts";
import { hasSqlState } from "./failure.ts";
import type { Settings } from "./settings.ts";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/**
 * Runs `work` in a transaction that sees the rows of one tenant and no other: as the role cairn_app, with the
 * tenant in a setting that row-level security reads. Both end with the transaction, so a pooled connection carries
 * nothing over. After a deadlock or a serialization failure it runs again: `work` must have no other effect than its
 * statements. Throws `not_found` where the id is no UUID.
 */
export async function asTenant<T>(
  database: Database,
  tenantId: string,
  work: (transaction: Transaction) => Promise<T>,
  settings?: Settings,
): Promise<T> {
  const all = { ...tenantSettings(tenantId), ...settings };
  return retryConflicts(() => database.transaction(work, all));
}

/**
 * Runs `work` as the role cairn_admin: tenants and the migration ledger, no collection and no document. It runs again
 * after a conflict, as `asTenant` does.
 */
export function asAdmin<T>(database: Database, work: (transaction: Transaction) => Promise<T>): Promise<T> {
  return retryConflicts(() => database.transaction(work, ADMIN_SETTINGS));
}

/** Transactions that one conflict after another may cost before the caller is told. */
const MAX_ATTEMPTS = 6;

/** Milliseconds: the longest pause before the second attempt; it doubles with each one. */
const FIRST_PAUSE_MS = 20;

/**
 * Runs a whole transaction again where Postgres has rolled it back for another's sake: a deadlock (40P01) or a
 * serialization failure (40001). The pause is random, so that those who met do not meet again.
 */
async function retryConflicts<T>(run: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await run();
    } catch (error) {
      const conflict = hasSqlState(error, "40P01") || hasSqlState(error, "40001");
      if (!conflict || attempt === MAX_ATTEMPTS) throw error;
      await sleep(Math.random() * FIRST_PAUSE_MS * 2 ** (attempt - 1));
    }
  }
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
