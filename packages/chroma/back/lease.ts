import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Database } from "@cairn/core/database/database.ts";
import { asAdmin } from "@cairn/core/database/transaction.ts";
import { AppError } from "@cairn/core/error.ts";
import { leaseEnd } from "@cairn/core/lease/lease-end.ts";
import { sql } from "drizzle-orm";

/** Milliseconds that a lease lasts without a heartbeat: how long a killed process blocks the next one. */
const LEASE_MS = 10_000;

/** Milliseconds for which a start waits for the lease of a process that may have been killed. */
const MAX_WAIT_MS = 12_000;

/**
 * Runs `work` as the only process that writes this tenant's data to Chroma. Its signal is aborted if the lease is lost. Throws
 * `run_held` if another process has the lease.
 */
export async function withTenantLease<T>(
  database: Database,
  tenantId: string,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const token = randomUUID();
  const deadline = Date.now() + MAX_WAIT_MS;
  while (!(await acquire(database, tenantId, token))) {
    if (Date.now() > deadline) throw held();
    await sleep(500);
  }
  const lost = new AbortController();
  let renewedAt = Date.now();
  const timer = setInterval(async () => {
    try {
      if (await acquire(database, tenantId, token)) renewedAt = Date.now();
      else lost.abort(held());
    } catch (error) {
      if (Date.now() - renewedAt >= LEASE_MS) lost.abort(error);
    }
  }, LEASE_MS / 4);
  try {
    return await work(lost.signal);
  } finally {
    clearInterval(timer);
    await release(database, tenantId, token);
  }
}

/** Acquires or renews the lease. Returns false if another process has it. */
async function acquire(database: Database, tenantId: string, token: string): Promise<boolean> {
  const rows = await asAdmin(database, ({ orm }) =>
    orm.selectRows(sql`
      INSERT INTO cairn.cutover_leases AS l (tenant_id, token, leased_until)
      VALUES (${tenantId}::uuid, ${token}::uuid, ${leaseEnd(LEASE_MS)})
      ON CONFLICT (tenant_id) DO UPDATE SET token = excluded.token, leased_until = excluded.leased_until
      WHERE l.token = excluded.token OR l.leased_until < now() RETURNING l.token`),
  );
  return rows.length > 0;
}

async function release(database: Database, tenantId: string, token: string): Promise<void> {
  const released = asAdmin(database, ({ orm }) =>
    orm.execute(sql`DELETE FROM cairn.cutover_leases WHERE tenant_id = ${tenantId}::uuid AND token = ${token}::uuid`),
  );
  await released.catch(() => {}); // the lease expires anyway
}

function held(): AppError {
  return new AppError(
    "run_held",
    "Another process is writing the tenant's data to Chroma, or replicates it. Wait for it to end, or stop it. The lease of a process that has died expires after 10 seconds.",
  );
}
