import { claimIdleJobs } from "@cairn/core/job/idle.ts";
import { logFailures, runFailure } from "@cairn/core/maintenance/index-failure.ts";
import { maintainIndexes } from "@cairn/core/maintenance/indexes.ts";
import { rowsBuiltIn } from "@cairn/core/maintenance/rows-built.ts";
import { sweep } from "@cairn/core/maintenance/sweep.ts";
import type { Service } from "./compose.ts";

/** Milliseconds without a sign of life after which a job is sent again: longer than a queue withholds a message whose worker died. */
const IDLE = 3_600_000;

/**
 * Removes what has had its time, sends jobs again whose message was lost, and indexes what has grown: of two at once one
 * does. A build that is not done in so many `milliseconds` is broken off, and the next run goes on; the old index serves
 * meanwhile. What takes longer by its rows is not begun: `cairn reindex` has the time. Throws, when all the others are
 * built, what an index failed with: the log and the alarm hear of it.
 */
export async function runSchedule({ services, queue, log }: Service, milliseconds: number) {
  const { database } = services;
  const signal = AbortSignal.timeout(Math.max(0, milliseconds));
  await sweep(database);
  for (const job of await claimIdleJobs(database, IDLE)) await queue.send(job);
  const maintained = await maintainIndexes(database, { signal, maxRows: rowsBuiltIn(milliseconds) });
  const { done, failed } = maintained ?? { done: [], failed: [] };
  logFailures(failed, log.failure);
  const failure = runFailure(failed);
  if (failure) throw failure;
  return { ran: maintained !== undefined, steps: done.length };
}
