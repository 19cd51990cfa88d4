import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { sql } from "drizzle-orm";
import type { Database } from "../database/database.ts";
import { asAdmin } from "../database/transaction.ts";
import { AppError } from "../error.ts";
import { leaseEnd } from "../lease/lease-end.ts";

/** Milliseconds until a lease expires after its last heartbeat. */
const LEASE_MS = 60_000;

/**
 * Runs `work` under the lease `name`: one run at a time in all processes. The signal is aborted when the lease is lost. Returns
 * undefined if another process has the lease for `wait` milliseconds (default 0).
 */
export async function withLease<T>(
  database: Database,
  name: string,
  work: (signal: AbortSignal) => Promise<T>,
  { wait = 0, signal }: { readonly wait?: number; readonly signal?: AbortSignal } = {},
): Promise<{ readonly result: T } | undefined> {
  const leaseToken = randomUUID();
  const deadline = Date.now() + wait;
  while (!(await acquireLease(database, name, leaseToken))) {
    if (Date.now() >= deadline) return undefined;
    await sleep(Math.min(1_000, wait), undefined, { signal });
  }
  const lost = new AbortController();
  const timer = setInterval(async () => {
    const isRenewed = await acquireLease(database, name, leaseToken).catch(() => true); // a failed heartbeat: the lease lasts longer
    if (!isRenewed)
      lost.abort(new AppError("run_held", `This run cannot continue: another process has acquired the lease ${name}.`));
  }, LEASE_MS / 4);
  try {
    return { result: await work(lost.signal) };
  } finally {
    clearInterval(timer);
    await asAdmin(database, ({ orm }) =>
      orm.execute(sql`DELETE FROM cairn.maintenance_leases WHERE name = ${name} AND holder = ${leaseToken}::uuid`),
    );
  }
}

async function acquireLease(database: Database, name: string, leaseToken: string): Promise<boolean> {
  const acquired = await asAdmin(database, ({ orm }) =>
    orm.selectRows(sql`INSERT INTO cairn.maintenance_leases AS lease (name, holder, expires_at)
          VALUES (${name}, ${leaseToken}::uuid, ${leaseEnd(LEASE_MS)})
          ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at
          WHERE lease.holder = excluded.holder OR lease.expires_at < now()
          RETURNING name`),
  );
  return acquired.length > 0;
}
