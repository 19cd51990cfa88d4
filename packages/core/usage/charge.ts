import { sql } from "drizzle-orm";
import type { Orm } from "../database/database.ts";
import { uuidLiteral } from "../database/transaction.ts";
import { AppError } from "../error.ts";
import { measureRows } from "./measure.ts";
import type { QuotaMode, StorageQuota, Stored } from "./quota.ts";

export interface StorageChange {
  /** Rows and bytes that the transaction added; negative: removed. */
  readonly added: Stored;
  readonly quota: StorageQuota;
  readonly mode: QuotaMode;
}

/**
 * Adds what a write has stored to the tenant's counter, as the last statement of its open transaction: the counter is locked
 * until the commit, so concurrent writers cannot exceed the quota together. Throws `quota_exceeded` if the tenant stores more
 * than its quota and this write added to it; nothing of the transaction is then written.
 */
export async function chargeStorage(orm: Orm, tenantId: string, { added, quota, mode }: StorageChange): Promise<void> {
  if (mode === "ignore") return;
  const stored = (await addToTotals(orm, tenantId, added)) ?? (await startTotals(orm, tenantId, added));
  if (mode === "count") return;
  const { storedRows = Number.POSITIVE_INFINITY, storedBytes = Number.POSITIVE_INFINITY } = quota;
  if (added.rows > 0 && stored.rows > storedRows) throw exceeded("rows", added.rows, stored.rows, storedRows);
  if (added.bytes > 0 && stored.bytes > storedBytes) throw exceeded("bytes", added.bytes, stored.bytes, storedBytes);
}

/** Subtracts what a transaction deleted from the tenant's counter, if it has one. */
export async function releaseStorage(orm: Orm, tenantId: string, { rows, bytes }: Stored): Promise<void> {
  if (rows > 0) await addToTotals(orm, tenantId, { rows: -rows, bytes: -bytes });
}

async function addToTotals(orm: Orm, tenantId: string, { rows, bytes }: Stored): Promise<Stored | undefined> {
  const [stored] = await orm.selectRows<Stored>(sql`
    UPDATE cairn.stored_totals
    SET rows = greatest(0, rows + ${rows}::bigint), bytes = greatest(0, bytes + ${bytes}::bigint)
    WHERE tenant_id = ${uuidLiteral(tenantId)}
    RETURNING rows::float8 AS rows, bytes::float8 AS bytes`);
  return stored;
}

/** Starts a counter with what the tenant stores, this transaction's rows included. Another writer may have started it first. */
async function startTotals(orm: Orm, tenantId: string, added: Stored): Promise<Stored> {
  const { rows, bytes } = await measureRows(orm, tenantId);
  const [stored] = await orm.selectRows<Stored>(sql`
    INSERT INTO cairn.stored_totals AS s (tenant_id, rows, bytes, measured_at)
    VALUES (${uuidLiteral(tenantId)}, ${rows}::bigint, ${bytes}::bigint, now())
    ON CONFLICT (tenant_id) DO UPDATE SET rows = s.rows + ${added.rows}::bigint, bytes = s.bytes + ${added.bytes}::bigint
    RETURNING rows::float8 AS rows, bytes::float8 AS bytes`);
  return stored ?? { rows, bytes };
}

/** Begins as Chroma's message does: its client for JavaScript recognises the error by these words. */
function exceeded(unit: "rows" | "bytes", added: number, stored: number, quota: number): AppError {
  const [more, before, limit] = [added, stored - added, quota].map((n) => Math.max(0, n).toLocaleString("en"));
  return new AppError(
    "quota_exceeded",
    `Quota exceeded: the documents cannot be written. They add ${more} ${unit} to the ${before} ${unit} that the tenant stores, ` +
      `and its quota is ${limit} ${unit}. Delete documents or collections, or ask the operator to raise the tenant's quota.`,
  );
}
