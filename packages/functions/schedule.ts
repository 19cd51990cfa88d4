import { startDueEvaluations } from "@cairn/core/evaluation/schedule.ts";
import { claimIdleJobs } from "@cairn/core/job/idle.ts";
import { logFailures, runFailure } from "@cairn/core/maintenance/index-failure.ts";
import { maintainIndexes } from "@cairn/core/maintenance/indexes.ts";
import { rowsBuiltIn } from "@cairn/core/maintenance/rows-built.ts";
import { deleteExpired } from "@cairn/core/retention/delete-expired.ts";
import { measureTenants } from "@cairn/core/usage/measure-tenants.ts";
import type { Service } from "./compose.ts";

/** Milliseconds without a heartbeat after which a job is sent again: longer than a queue hides a message whose worker died. */
const IDLE_TIMEOUT_MS = 3_600_000;

/**
 * Runs the scheduled work: deletes expired rows, starts due evaluations, sends jobs again whose message was lost, maintains the indexes,
 * and measures what each tenant stores. Of two
 * concurrent runs, one maintains indexes. A build that does not finish within `timeoutMs` is interrupted and the next run
 * continues; searches use the old index until then. A build with too many rows for that time is not started; `cairn
 * reindex` builds it. If an index fails, the others are built first, then the failure is thrown, for the log and the alarm.
 */
export async function runSchedule({ services, queue, log }: Service, timeoutMs: number) {
  const { database } = services;
  const signal = AbortSignal.timeout(Math.max(0, timeoutMs));
  await deleteExpired(database);
  await startDueEvaluations(database, { queue, onError: log.failure });
  for (const job of await claimIdleJobs(database, IDLE_TIMEOUT_MS)) await queue.send(job);
  const result = await maintainIndexes(database, { signal, maxRows: rowsBuiltIn(timeoutMs) });
  const { done, failed } = result ?? { done: [], failed: [] };
  logFailures(failed, log.failure);
  const onError = (error: unknown) => log.failure(error, { about: "measuring a tenant" });
  await measureTenants(database, { signal, onError });
  const failure = runFailure(failed);
  if (failure) throw failure;
  return { ran: result !== undefined, steps: done.length };
}
