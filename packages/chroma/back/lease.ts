import { setTimeout as sleep } from "node:timers/promises";
import type { Database } from "@cairn/core/database/database.ts";
import { AppError } from "@cairn/core/error.ts";
import { acquireLease, type Lease, releaseLease, renewLease } from "../lease/tenant-lease.ts";

/** Milliseconds that a lease lasts without a heartbeat. */
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
  const lease = await waitForLease(database, tenantId);
  const lost = new AbortController();
  let renewedAt = Date.now();
  const timer = setInterval(async () => {
    try {
      await renewLease(database, lease);
      renewedAt = Date.now();
    } catch (error) {
      const isLost = error instanceof AppError && error.code === "run_held";
      if (isLost || Date.now() - renewedAt >= LEASE_MS) lost.abort(isLost ? held() : error);
    }
  }, LEASE_MS / 4);
  try {
    return await work(lost.signal);
  } finally {
    clearInterval(timer);
    await releaseLease(database, lease).catch(() => {}); // it expires anyway
  }
}

async function waitForLease(database: Database, tenantId: string): Promise<Lease> {
  for (const deadline = Date.now() + MAX_WAIT_MS; ; await sleep(500)) {
    const lease = await acquireLease(database, tenantId, LEASE_MS);
    if (lease) return lease;
    if (Date.now() > deadline) throw held();
  }
}

function held(): AppError {
  return new AppError(
    "run_held",
    "Another process is writing the tenant's data to Chroma, or replicates it. Wait for it to end, or stop it. The lease of a process that has died expires after 10 seconds.",
  );
}
