import { setTimeout as sleep } from "node:timers/promises";
import { sql } from "drizzle-orm";
import { AppError } from "../error.ts";
import type { Database, Transaction } from "./database.ts";
import { hasSqlState } from "./failure.ts";
import type { Settings } from "./settings.ts";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/**
 * Runs `work` in a transaction that sees only the rows of one tenant: as the role cairn_app, with the tenant in a setting
 * that row-level security reads. Both end with the transaction, so nothing stays on a pooled connection. After a deadlock
 * or a serialization failure `work` runs again, so it must have no effects other than its statements. Throws `not_found`
 * if the id is not a UUID.
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
 * Runs `work` as the role cairn_admin, which can access tenants and the migration ledger, but no collection and no
 * document. After a conflict `work` runs again, as in `asTenant`.
 */
export function asAdmin<T>(database: Database, work: (transaction: Transaction) => Promise<T>): Promise<T> {
  return retryConflicts(() => database.transaction(work, ADMIN_SETTINGS));
}

/** Runs `work` as an owner of jobs or keys: a tenant, or the operator (null). */
export function asOwner<T>(
  database: Database,
  tenantId: string | null,
  work: (transaction: Transaction) => Promise<T>,
): Promise<T> {
  return tenantId === null ? asAdmin(database, work) : asTenant(database, tenantId, work);
}

/** Maximum number of attempts of a transaction that fails with conflicts. */
const MAX_ATTEMPTS = 6;

/** Maximum pause before the second attempt, in milliseconds. It doubles with each attempt. */
const FIRST_PAUSE_MS = 20;

/**
 * Retries a transaction that Postgres has rolled back because of another one: a deadlock (40P01) or a serialization
 * failure (40001). The pause is random, so that the same transactions do not conflict again.
 */
async function retryConflicts<T>(run: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await run();
    } catch (error) {
      const isConflict = hasSqlState(error, "40P01") || hasSqlState(error, "40001");
      if (!isConflict || attempt === MAX_ATTEMPTS) throw error;
      await sleep(Math.random() * FIRST_PAUSE_MS * 2 ** (attempt - 1));
    }
  }
}

/** Switches the rest of an open transaction to the tenant. */
export async function becomeTenant(transaction: Transaction, tenantId: string): Promise<void> {
  await transaction.set(tenantSettings(tenantId));
}

/** Switches the rest of an open transaction to the administrator. */
export async function becomeAdmin(transaction: Transaction): Promise<void> {
  await transaction.set(ADMIN_SETTINGS);
}

/** The settings of a transaction of the administrator, for `Database.read`. */
export const ADMIN_SETTINGS: Settings = { role: "cairn_admin", "cairn.tenant_id": "" };

/** The settings of a tenant's transaction. Throws `not_found` if the id is not a UUID, so settings contain nothing else. */
export function tenantSettings(tenantId: string): Settings {
  if (!UUID.test(tenantId))
    throw new AppError("not_found", `There is no tenant ${tenantId}.`, { remedy: "list_tenants" });
  return { role: "cairn_app", "cairn.tenant_id": tenantId };
}

/** A UUID as a literal in SQL. Postgres prunes partitions and matches partial indexes only by literals. */
export function uuidLiteral(id: string) {
  if (!UUID.test(id)) throw new AppError("invalid_input", `${JSON.stringify(id)} is not a UUID.`);
  return sql.raw(`'${id}'::uuid`);
}
