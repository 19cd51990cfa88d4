import { randomUUID } from "node:crypto";
import type { Database, Orm } from "@cairn/core/database/database.ts";
import { asAdmin } from "@cairn/core/database/transaction.ts";
import { AppError } from "@cairn/core/error.ts";
import { leaseEnd } from "@cairn/core/lease/lease-end.ts";
import { sql } from "drizzle-orm";

/** The right to copy one tenant's data between Cairn and Chroma. One process has it at a time. */
export interface Lease {
  readonly tenantId: string;
  readonly token: string;
  /** Milliseconds that it lasts after it was acquired or renewed: how long a killed process blocks the next one. */
  readonly milliseconds: number;
}

/** Longer than a page takes, because replication renews it before each page. */
const LEASE_MS = 60_000;

/** Acquires the tenant's lease. Undefined: another process has it. `milliseconds`: default a minute. */
export async function acquireLease(
  database: Database,
  tenantId: string,
  milliseconds = LEASE_MS,
): Promise<Lease | undefined> {
  const token = randomUUID();
  const [acquired] = await asAdmin(database, ({ orm }) =>
    orm.selectRows(sql`
      INSERT INTO cairn.cutover_leases AS l (tenant_id, token, leased_until)
      VALUES (${tenantId}::uuid, ${token}::uuid, ${leaseEnd(milliseconds)})
      ON CONFLICT (tenant_id) DO UPDATE SET token = excluded.token, leased_until = excluded.leased_until
      WHERE l.leased_until < now() RETURNING 1`),
  );
  return acquired && { tenantId, token, milliseconds };
}

/** Renews the lease. Throws `run_held` if another process has it by now. */
export async function renewLease(database: Database, lease: Lease): Promise<void> {
  const [renewed] = await asAdmin(database, ({ orm }) =>
    orm.selectRows(
      sql`UPDATE cairn.cutover_leases SET leased_until = ${leaseEnd(lease.milliseconds)} WHERE ${isHeld(lease)} RETURNING 1`,
    ),
  );
  if (!renewed) throw leaseLost();
}

export async function releaseLease(database: Database, lease: Lease): Promise<void> {
  await asAdmin(database, ({ orm }) => orm.execute(sql`DELETE FROM cairn.cutover_leases WHERE ${isHeld(lease)}`));
}

/** Locks the lease until the administrator's transaction ends. Throws `run_held` if another process has it. */
export async function assertLease(orm: Orm, lease: Lease): Promise<void> {
  const [held] = await orm.selectRows(sql`
    SELECT FROM cairn.cutover_leases WHERE ${isHeld(lease)} AND leased_until > now() FOR SHARE`);
  if (!held) throw leaseLost();
}

function isHeld({ tenantId, token }: Lease) {
  return sql`tenant_id = ${tenantId}::uuid AND token = ${token}::uuid`;
}

function leaseLost(): AppError {
  return new AppError("run_held", "Another process copies the tenant's data by now.");
}
