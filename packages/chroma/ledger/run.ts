import type { Database, Orm, Transaction } from "@cairn/core/database/database.ts";
import { asAdmin, becomeAdmin } from "@cairn/core/database/transaction.ts";
import { AppError } from "@cairn/core/error.ts";
import { leaseEnd } from "@cairn/core/lease/lease-end.ts";
import { isRunning, type ProcessIdentity, thisProcess } from "@cairn/core/process-identity.ts";
import { type SQL, sql } from "drizzle-orm";

/** A migration of one source, leased by this process. */
export interface Run {
  readonly id: string;
  readonly source: string;
  /** Fencing token. It grows with every new lease; a write with an old token is refused. */
  readonly fence: string;
  /** Whether an earlier process started the run. */
  readonly resumed: boolean;
}

export type RunStatus = "complete" | "complete_with_exceptions" | "not_identical";

/** Milliseconds that a lease lasts without a heartbeat. A process on this host that has died loses its lease at once. */
const LEASE_MS = 60_000;

/** Seconds after which an interrupted run repeats its comparisons, because Chroma may have changed since. */
const STALE_SECONDS = 600;

/**
 * Acquires the lease of a source's unfinished run, or starts a new run. Throws `run_held`, naming the other process, if
 * another process has the lease. `identity`: the owner of the lease. Default: this process.
 */
export async function acquireRun(
  database: Database,
  source: string,
  options: object,
  identity?: ProcessIdentity,
): Promise<Run> {
  const leaseHolder = JSON.stringify(identity ?? (await thisProcess()));
  return asAdmin(database, async ({ orm }) => {
    await orm.execute(sql`SELECT pg_advisory_xact_lock(hashtextextended(${`cairn.migration:${source}`}, 0))`);
    const [open] = await orm.selectRows<{ id: string; holder: string; leased: boolean; stale: boolean }>(sql`
          SELECT id, holder, lease_until > now() AS leased,
                 lease_until < now() - make_interval(secs => ${STALE_SECONDS}::int) AS stale
          FROM cairn.migration_runs
          WHERE source = ${source} AND finished_at IS NULL FOR UPDATE`);
    if (open?.leased) await assertLeaseExpired(open.id, open.holder, source);
    if (open?.stale) await resetComparisons(orm, open.id);
    const [run] = await orm.selectRows<{ id: string; fence: string }>(
      open
        ? sql`UPDATE cairn.migration_runs
              SET fence = fence + 1, holder = ${leaseHolder}, status = 'running', last_error = NULL, failures = '{}',
                  options = ${JSON.stringify(options)}::jsonb, lease_until = ${leaseEnd(LEASE_MS)}
              WHERE id = ${open.id}::uuid RETURNING id, fence::text`
        : sql`INSERT INTO cairn.migration_runs (source, status, options, holder, lease_until)
              VALUES (${source}, 'running', ${JSON.stringify(options)}::jsonb, ${leaseHolder}, ${leaseEnd(LEASE_MS)})
              RETURNING id, fence::text`,
    );
    if (!run)
      throw new AppError(
        "run_held",
        `Another process acquired the lease for the migration of ${source} at the same moment. Wait for it to end.`,
      );
    return { ...run, source, resumed: open !== undefined };
  });
}

/** Restarts the comparison of all collections whose comparison is outdated. Copied records are kept. */
async function resetComparisons(orm: Orm, runId: string): Promise<void> {
  await orm.execute(sql`DELETE FROM cairn.migration_exceptions AS e USING cairn.migration_collections AS c
    WHERE e.run_id = ${runId}::uuid AND c.run_id = e.run_id AND c.source_id = e.source_id
      AND (NOT c.fresh OR c.state <> 'copying')`);
  await orm.execute(sql`
    UPDATE cairn.migration_collections
    SET state = 'copying', fresh = false, pass = 1, position = 0, tally = '{}'
    WHERE run_id = ${runId}::uuid AND (NOT fresh OR state <> 'copying')`);
}

async function assertLeaseExpired(id: string, leaseHolder: string, source: string): Promise<void> {
  const other = JSON.parse(leaseHolder) as ProcessIdentity;
  if ((await isRunning(other)) === false) return;
  throw new AppError(
    "run_held",
    `Run ${id} is migrating ${source} already: process ${other.pid} on ${other.host}, since ${other.since}. Wait for it to end, or stop it. ` +
      `The lease of a process that has died expires ${LEASE_MS / 1000} seconds after its last heartbeat.`,
  );
}

/**
 * Renews the lease until the returned function is called. A single failed renewal is ignored. `onLost` is called if no
 * renewal succeeds for the duration of a lease.
 */
export function startHeartbeat(database: Database, run: Run, onLost: (error: unknown) => void): () => void {
  let renewedAt = Date.now();
  const timer = setInterval(async () => {
    try {
      await renewLease(database, run);
      renewedAt = Date.now();
    } catch (error) {
      if (Date.now() - renewedAt >= LEASE_MS) onLost(error);
    }
  }, LEASE_MS / 4);
  timer.unref();
  return () => clearInterval(timer);
}

/** Like `startHeartbeat`, for a lease that another process acquired. Throws `run_held` if the fencing token is outdated. */
export async function resumeHeartbeat(
  database: Database,
  run: Run,
  onLost: (error: unknown) => void,
): Promise<() => void> {
  if (!(await renewLease(database, run))) throw leaseLost(run);
  return startHeartbeat(database, run, onLost);
}

/** Returns false if another process has acquired the lease, or if the run has ended. */
async function renewLease(database: Database, run: Run): Promise<boolean> {
  const renewed = await asAdmin(database, ({ orm }) =>
    orm.selectRows(sql`UPDATE cairn.migration_runs SET lease_until = ${leaseEnd(LEASE_MS)}
                       WHERE ${isLeasedBy(run)} RETURNING id`),
  );
  return renewed.length > 0;
}

/**
 * Switches the transaction to the administrator's role and asserts that this process still has the lease. Another process
 * cannot acquire it until the transaction ends. Throws `run_held` if the lease is lost.
 */
export async function assertLease(transaction: Transaction, run: Run): Promise<void> {
  await becomeAdmin(transaction);
  if ((await transaction.orm.selectRows(selectLeasedRun(run))).length === 0) throw leaseLost(run);
}

/** Selects the run if this process still has the lease, and locks it until the transaction ends. */
export function selectLeasedRun(run: Run): SQL {
  return sql`SELECT id FROM cairn.migration_runs WHERE ${isLeasedBy(run)} FOR KEY SHARE`;
}

function isLeasedBy({ id, fence }: Run): SQL {
  return sql`id = ${id}::uuid AND fence = ${fence}::bigint AND finished_at IS NULL`;
}

/** The error for a lease that another process has acquired. */
export function leaseLost(run: Run): AppError {
  return new AppError(
    "run_held",
    `Run ${run.id} of ${run.source} was taken over by another process, so this process stops. No data is lost.`,
  );
}

/** Finishes a run with its verdict. */
export async function finishRun(database: Database, run: Run, status: RunStatus): Promise<void> {
  await database.transaction(async (transaction) => {
    await assertLease(transaction, run);
    await transaction.orm.execute(sql`UPDATE cairn.migration_runs SET status = ${status}, finished_at = now(), lease_until = now()
                                      WHERE id = ${run.id}::uuid`);
  });
}

/** Releases the lease of an unfinished run with the reason, so that the next start can acquire it at once. */
export async function releaseRun(database: Database, run: Run, reason: string): Promise<void> {
  await asAdmin(database, async ({ orm }) => {
    await orm.execute(sql`UPDATE cairn.migration_runs SET status = 'failed', last_error = ${reason.slice(0, 2000)}, lease_until = now()
                          WHERE id = ${run.id}::uuid AND fence = ${run.fence}::bigint`);
  });
}

/**
 * Cancels an unfinished run by revoking its lease: the process that has it stops at its next page. Copied records are
 * kept, and the next start continues. Returns false if the run had ended.
 */
export async function cancelRun(database: Database, runId: string, reason: string): Promise<boolean> {
  const cancelled = await asAdmin(database, ({ orm }) =>
    orm.selectRows(sql`UPDATE cairn.migration_runs
          SET fence = fence + 1, status = 'cancelled', last_error = ${reason}, lease_until = now()
          WHERE id = ${runId}::uuid AND finished_at IS NULL RETURNING id`),
  );
  return cancelled.length > 0;
}
