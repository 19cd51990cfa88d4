import { rowsBuiltIn } from "@cairn/core/maintenance/build.ts";
import { maintainIndexes } from "@cairn/core/maintenance/indexes.ts";
import { sweep } from "@cairn/core/maintenance/sweep.ts";
import type { Services } from "@cairn/core/services.ts";

/**
 * Indexes what has grown, and removes what has had its time. Of two at once one works. A build that is not done in so
 * many `milliseconds` is broken off, and the next run goes on; the old index serves meanwhile. What takes longer by its
 * rows is not begun: `cairn reindex` has the time.
 */
export async function runSchedule({ database }: Services, milliseconds: number) {
  const signal = AbortSignal.timeout(Math.max(0, milliseconds));
  await sweep(database);
  const done = await maintainIndexes(database, { signal, mostRows: rowsBuiltIn(milliseconds) });
  return { ran: done !== undefined, steps: done?.done.length ?? 0 };
}
