import type { Database, Orm, Transaction } from "@cairn/core/database/database.ts";
import { selectRows } from "@cairn/core/database/rows.ts";
import { asAdmin, becomeAdmin } from "@cairn/core/database/transaction.ts";
import { AppError } from "@cairn/core/error.ts";
import { isRunning, type ProcessIdentity, thisProcess } from "@cairn/core/process-identity.ts";
import { type SQL, sql } from "drizzle-orm";

/** A migration of one source that this process holds. */
export interface Run {
  readonly id: string;
  readonly source: string;
  /** Grows with every holder: what carries an old one is refused. */
  readonly fence: string;
  /** Whether an earlier process began it. */
  readonly resumed: boolean;
}

export type RunStatus = "complete" | "complete_with_exceptions" | "not_identical";

/** Seconds that a run stays held without a sign of life. A holder on this host that has died loses it at once. */
const LEASE_SECONDS = 60;

/** Seconds after which an interrupted run compares from the start what it had compared: Chroma may have changed since. */
const STALE_SECONDS = 600;

/**
 * Takes up the unfinished run of a source, or begins one. Throws `run_held`, naming the holder, where another process
 * works on it. `identity`: who holds it from now on; default: this process.
 */
export async function acquireRun(
  database: Database,
  source: string,
  options: object,
  identity?: ProcessIdentity,
): Promise<Run> {
  const holder = JSON.stringify(identity ?? (await thisProcess()));
  return asAdmin(database, async ({ orm }) => {
    await orm.execute(sql`SELECT pg_advisory_xact_lock(hashtextextended(${`cairn.migration:${source}`}, 0))`);
    const [open] = await selectRows<{ id: string; holder: string; leased: boolean; stale: boolean }>(
      orm,
      sql`SELECT id, holder, lease_until > now() AS leased,
                 lease_until < now() - make_interval(secs => ${STALE_SECONDS}::int) AS stale
          FROM cairn.migration_runs
          WHERE source = ${source} AND finished_at IS NULL FOR UPDATE`,
    );
    if (open?.leased) await refuseHeld(open.id, open.holder, source);
    if (open?.stale) await startNewRun(orm, open.id);
    const [run] = await selectRows<{ id: string; fence: string }>(
      orm,
      open
        ? sql`UPDATE cairn.migration_runs
              SET fence = fence + 1, holder = ${holder}, status = 'running', last_error = NULL, failures = '{}',
                  options = ${JSON.stringify(options)}::jsonb, lease_until = now() + make_interval(secs => ${LEASE_SECONDS}::int)
              WHERE id = ${open.id}::uuid RETURNING id, fence::text`
        : sql`INSERT INTO cairn.migration_runs (source, status, options, holder, lease_until)
              VALUES (${source}, 'running', ${JSON.stringify(options)}::jsonb, ${holder},
                      now() + make_interval(secs => ${LEASE_SECONDS}::int))
              RETURNING id, fence::text`,
    );
    if (!run)
      throw new AppError("run_held", `Another process took the migration of ${source} at the same moment.`);
    return { ...run, source, resumed: open !== undefined };
  });
}

/** What was compared long ago is no proof of today: such collections begin a pass from the start. What is copied stays. */
async function startNewRun(orm: Orm, runId: string): Promise<void> {
  await orm.execute(sql`DELETE FROM cairn.migration_exceptions AS e USING cairn.migration_collections AS c
    WHERE e.run_id = ${runId}::uuid AND c.run_id = e.run_id AND c.source_id = e.source_id
      AND (NOT c.fresh OR c.state <> 'copying')`);
  await orm.execute(sql`
    UPDATE cairn.migration_collections
    SET state = 'copying', fresh = false, pass = 1, position = 0, tally = '{}'
    WHERE run_id = ${runId}::uuid AND (NOT fresh OR state <> 'copying')`);
}

async function refuseHeld(id: string, holder: string, source: string): Promise<void> {
  const other = JSON.parse(holder) as ProcessIdentity;
  if ((await isRunning(other)) === false) return;
  throw new AppError(
    "run_held",
    `Run ${id} is migrating ${source} already: process ${other.pid} on ${other.host}, since ${other.since}. Wait for it to end or stop it; ` +
      `a run that has died is free ${LEASE_SECONDS} seconds after its last sign of life.`,
  );
}

/**
 * Keeps the lease alive until the returned function is called. One renewal that fails is no loss; `onLost` is called
 * when none has gone well for as long as a lease lasts.
 */
export function keepLease(database: Database, run: Run, onLost: (error: unknown) => void): () => void {
  let renewed = Date.now();
  const timer = setInterval(
    () => {
      asAdmin(database, async ({ orm }) => {
        await orm.execute(sql`UPDATE cairn.migration_runs SET lease_until = now() + make_interval(secs => ${LEASE_SECONDS}::int)
                              WHERE id = ${run.id}::uuid AND fence = ${run.fence}::bigint`);
        renewed = Date.now();
      }).catch((error: unknown) => {
        if (Date.now() - renewed >= LEASE_SECONDS * 1000) onLost(error);
      });
    },
    (LEASE_SECONDS * 1000) / 4,
  );
  timer.unref();
  return () => clearInterval(timer);
}

/** `keepLease` for a run that another process has taken up: makes sure first that it is still the same holder's. */
export async function keepRun(
  database: Database,
  run: Run,
  onLost: (error: unknown) => void,
): Promise<() => void> {
  const [held] = await asAdmin(database, ({ orm }) =>
    selectRows(
      orm,
      sql`UPDATE cairn.migration_runs SET lease_until = now() + make_interval(secs => ${LEASE_SECONDS}::int)
          WHERE id = ${run.id}::uuid AND fence = ${run.fence}::bigint AND finished_at IS NULL RETURNING id`,
    ),
  );
  if (!held) throw runLost(run);
  return keepLease(database, run, onLost);
}

/**
 * Makes the rest of the transaction the administrator's and makes sure that the run is still this process's, until the
 * transaction ends: who wants to take it over waits. Throws `run_held` where somebody has.
 */
export async function assertHeld(transaction: Transaction, run: Run): Promise<void> {
  await becomeAdmin(transaction);
  if ((await selectRows(transaction.orm, heldRun(run))).length === 0) throw runLost(run);
}

/** Selects the run where it is still this process's, and holds it so until the transaction ends. */
export function heldRun(run: Run): SQL {
  return sql`SELECT id FROM cairn.migration_runs
             WHERE id = ${run.id}::uuid AND fence = ${run.fence}::bigint AND finished_at IS NULL FOR KEY SHARE`;
}

export function runLost(run: Run): AppError {
  return new AppError(
    "run_held",
    `Another process has taken over run ${run.id} of ${run.source}; this one stops. Nothing is lost.`,
  );
}

/** Ends a run with its verdict. */
export async function finishRun(database: Database, run: Run, status: RunStatus): Promise<void> {
  await database.transaction(async (transaction) => {
    await assertHeld(transaction, run);
    await transaction.orm.execute(sql`UPDATE cairn.migration_runs SET status = ${status}, finished_at = now(), lease_until = now()
                                      WHERE id = ${run.id}::uuid`);
  });
}

/** Gives an unfinished run back with the reason, so that the next start takes it up at once. */
export async function releaseRun(database: Database, run: Run, reason: string): Promise<void> {
  await asAdmin(database, async ({ orm }) => {
    await orm.execute(sql`UPDATE cairn.migration_runs SET status = 'failed', last_error = ${reason.slice(0, 2000)}, lease_until = now()
                          WHERE id = ${run.id}::uuid AND fence = ${run.fence}::bigint`);
  });
}

/**
 * Takes an unfinished run away from whoever holds it: they stop at their next page. What is copied stays, and the next
 * start goes on. Returns false where it had ended.
 */
export async function cancelRun(database: Database, runId: string, reason: string): Promise<boolean> {
  const cancelled = await asAdmin(database, ({ orm }) =>
    selectRows(
      orm,
      sql`UPDATE cairn.migration_runs
          SET fence = fence + 1, status = 'cancelled', last_error = ${reason}, lease_until = now()
          WHERE id = ${runId}::uuid AND finished_at IS NULL RETURNING id`,
    ),
  );
  return cancelled.length > 0;
}
