import { setTimeout as sleep } from "node:timers/promises";
import type { Database, Transaction } from "@cairn/core/database/database.ts";
import { encodeJson } from "@cairn/core/database/json.ts";
import { asAdmin, becomeAdmin, becomeTenant } from "@cairn/core/database/transaction.ts";
import { AppError } from "@cairn/core/error.ts";
import { leaseEnd } from "@cairn/core/lease/lease-end.ts";
import { lockCollections, type ReplicationRole, setReplicationRole } from "@cairn/core/replication/role.ts";
import { sql } from "drizzle-orm";
import { acquireLease, releaseLease } from "../../lease/tenant-lease.ts";
import { isReplicated, type Phase, sourceOf } from "../phase.ts";
import { readJournalState } from "../replicate/changes.ts";
import { type CutoverTenant, lockCutoverTenant } from "../tenants.ts";

/** Milliseconds that writes wait at most while the other side catches up. */
const BARRIER_MS = 10_000;

/** Milliseconds between looks at the journal. */
const PAUSE_MS = 20;

export interface PhaseChange {
  readonly to: Phase;
  /** Names of the conditions that were not met. */
  readonly overridden: readonly string[];
  /** Default 10,000. */
  readonly barrierMs?: number;
}

/**
 * Changes the phase of a tenant. If the deciding side changes, writes wait until the other side has every recorded change; if it does not
 * catch up in time, the old phase stays in force. Throws `source_unavailable` then, and `run_held` if the phase changed meanwhile.
 */
export async function changePhase(database: Database, tenant: CutoverTenant, change: PhaseChange): Promise<void> {
  const { phase: from } = tenant;
  const keepsReplica = isReplicated(from) && isReplicated(change.to);
  if (!keepsReplica || sourceOf(from) === sourceOf(change.to)) return setPhase(database, tenant, change);
  const { barrierMs = BARRIER_MS } = change;
  await assertFollowing(database, tenant);
  await raiseBarrier(database, tenant, barrierMs);
  try {
    await waitForReplica(database, tenant, barrierMs);
    await withLease(database, tenant, barrierMs, () => setPhase(database, tenant, change));
  } catch (error) {
    await lowerBarrier(database, tenant);
    throw error;
  }
}

/** Attempts after which a side counts as down: about eight seconds. */
const MIN_FAILED_ATTEMPTS = 4;

/** Throws `source_unavailable` if changes keep failing: no write waits for a side that is known to be down. */
async function assertFollowing(database: Database, tenant: CutoverTenant): Promise<void> {
  const [failing] = await asAdmin(database, ({ orm }) =>
    orm.selectRows<{ failure: string | null }>(sql`
      SELECT failure FROM cairn.changes
      WHERE tenant_id = ${tenant.tenantId}::uuid AND attempts >= ${MIN_FAILED_ATTEMPTS} LIMIT 1`),
  );
  if (failing) throw notFollowing(tenant, `changes keep failing. ${failing.failure ?? ""}`);
}

function notFollowing({ name }: CutoverTenant, why: string): AppError {
  return new AppError(
    "source_unavailable",
    `The phase of ${JSON.stringify(name)} cannot be changed: ${why} The old phase stays in force. Check that both sides and the gateway run, and try again.`,
    { retryAfter: 5 },
  );
}

/** The role of the tenant's collections in a phase. */
function roleIn(phase: Phase): ReplicationRole {
  if (!isReplicated(phase)) return null;
  return sourceOf(phase) === "cairn" ? "source" : "replica";
}

/** Writes wait from now on. In Cairn, the collections count as replicas, which refuses writes by other ways than the gateway too. */
async function raiseBarrier(database: Database, tenant: CutoverTenant, milliseconds: number): Promise<void> {
  await inBoth(database, tenant, "replica", async ({ orm }) => {
    const locked = await lockCutoverTenant(orm, tenant.tenantId, "update");
    if (locked?.phase !== tenant.phase || locked.barrier) throw changedMeanwhile(tenant);
    await orm.execute(sql`
      UPDATE cairn.cutover_tenants SET barrier_until = ${leaseEnd(milliseconds)}
      WHERE tenant_id = ${tenant.tenantId}::uuid`);
  });
}

async function lowerBarrier(database: Database, tenant: CutoverTenant): Promise<void> {
  await inBoth(database, tenant, roleIn(tenant.phase), async ({ orm }) => {
    await orm.execute(sql`
      UPDATE cairn.cutover_tenants SET barrier_until = NULL
      WHERE tenant_id = ${tenant.tenantId}::uuid AND phase = ${tenant.phase}`);
  });
}

/** Lowers a barrier whose time is over: the process that raised it has ended, and would leave writes of Cairn refused. */
export async function lowerExpiredBarrier(database: Database, tenant: CutoverTenant): Promise<void> {
  await inBoth(database, tenant, roleIn(tenant.phase), async ({ orm }) => {
    const locked = await lockCutoverTenant(orm, tenant.tenantId, "update");
    if (locked?.phase !== tenant.phase || locked.barrier) throw changedMeanwhile(tenant);
    await orm.execute(sql`
      UPDATE cairn.cutover_tenants SET barrier_until = NULL WHERE tenant_id = ${tenant.tenantId}::uuid`);
  });
}

/** Changes the tenant's row and the role of its collections in one transaction. */
async function inBoth(
  database: Database,
  { tenantId }: CutoverTenant,
  role: ReplicationRole,
  work: (transaction: Transaction) => Promise<void>,
): Promise<void> {
  await asAdmin(database, async (transaction) => {
    // In the order in which replication locks them. A collection that was created meanwhile is seen after the tenant's row is locked.
    await becomeTenant(transaction, tenantId);
    await lockCollections(transaction.orm, tenantId);
    await becomeAdmin(transaction);
    await work(transaction);
    await becomeTenant(transaction, tenantId);
    await setReplicationRole(transaction.orm, tenantId, role);
  });
}

/** Waits until no change is recorded. The replicators of the service's processes do the work. */
async function waitForReplica(database: Database, tenant: CutoverTenant, milliseconds: number): Promise<void> {
  const deadline = performance.now() + milliseconds;
  for (;;) {
    const state = await asAdmin(database, ({ orm }) => readJournalState(orm, tenant.tenantId));
    if (state.changes === 0) return;
    if (performance.now() > deadline)
      throw notFollowing(
        tenant,
        `${state.changes} changes did not reach the other side within ${milliseconds / 1000} s. ${state.failure ?? ""}`.trim(),
      );
    await sleep(PAUSE_MS);
  }
}

/** Runs `work` while no process replicates the tenant. */
async function withLease(
  database: Database,
  tenant: CutoverTenant,
  milliseconds: number,
  work: () => Promise<void>,
): Promise<void> {
  const deadline = performance.now() + milliseconds;
  for (;;) {
    const lease = await acquireLease(database, tenant.tenantId);
    if (lease)
      try {
        return await work();
      } finally {
        await releaseLease(database, lease);
      }
    if (performance.now() > deadline) throw changedMeanwhile(tenant);
    await sleep(PAUSE_MS);
  }
}

async function setPhase(
  database: Database,
  tenant: CutoverTenant,
  { to, overridden }: Pick<PhaseChange, "to" | "overridden">,
): Promise<void> {
  const { tenantId, phase: from } = tenant;
  const changesSource = sourceOf(from) !== sourceOf(to) || isReplicated(from) !== isReplicated(to);
  await inBoth(database, tenant, roleIn(to), async ({ orm }) => {
    const locked = await lockCutoverTenant(orm, tenantId, "update");
    if ((locked?.phase ?? "chroma") !== from) throw changedMeanwhile(tenant);
    if (changesSource && isReplicated(from) && isReplicated(to)) await assertJournalEmpty(orm, tenant);
    await orm.execute(sql`
      UPDATE cairn.cutover_tenants SET phase = ${to}, since = now(), barrier_until = NULL,
        compared = CASE WHEN ${changesSource} THEN NULL ELSE compared END
      WHERE tenant_id = ${tenantId}::uuid`);
    if (!isReplicated(from))
      await orm.execute(sql`UPDATE cairn.cutover_collections SET filled = false WHERE tenant_id = ${tenantId}::uuid`);
    // Reads are counted by minutes, and the new phase starts to count.
    await orm.execute(sql`
      DELETE FROM cairn.cutover_requests
      WHERE tenant_id = ${tenantId}::uuid AND kind <> 'write' AND minute = date_trunc('minute', now())`);
    await orm.execute(sql`
      INSERT INTO cairn.cutover_events (tenant_id, from_phase, to_phase, overridden)
      VALUES (${tenantId}::uuid, ${from}, ${to}, ${encodeJson(overridden as never)}::jsonb)`);
  });
  if (!isReplicated(to)) await deleteJournal(database, tenantId, to);
}

/**
 * Deletes the changes of a tenant that is no longer replicated. Not in the transaction that changes the phase: with Citus, only one role
 * can change a tenant's distributed rows in it. Changes that stay, because the process ends before, are replicated again later.
 */
async function deleteJournal(database: Database, tenantId: string, phase: Phase): Promise<void> {
  await asAdmin(database, async ({ orm }) => {
    const locked = await lockCutoverTenant(orm, tenantId, "share");
    if (locked?.phase === phase) await orm.execute(sql`DELETE FROM cairn.changes WHERE tenant_id = ${tenantId}::uuid`);
  });
}

async function assertJournalEmpty(orm: Transaction["orm"], tenant: CutoverTenant): Promise<void> {
  const { changes } = await readJournalState(orm, tenant.tenantId);
  if (changes > 0) throw changedMeanwhile(tenant);
}

function changedMeanwhile({ name }: CutoverTenant): AppError {
  return new AppError(
    "run_held",
    `The phase of ${JSON.stringify(name)} cannot be changed now: another process changes it or replicates the tenant. Try again.`,
    { retryAfter: 1 },
  );
}
