import { and, eq, sql } from "drizzle-orm";
import type { Database } from "../database/database.ts";
import { jobs } from "../database/schema.ts";
import { addressedBy, asJobOwner, type JobAddress, UNHELD } from "./job.ts";
import { listWaitingJobs } from "./waiting.ts";

/** Jobs that one call finds at most. */
const MAX_IDLE = 1_000;

/**
 * The jobs that no worker has and that had no heartbeat for `idle` milliseconds: their message was lost, or never sent.
 * Each counts as seen now, so that the next call does not find it again.
 */
export async function takeIdleJobs(database: Database, idle: number): Promise<readonly JobAddress[]> {
  const found: JobAddress[] = [];
  for (const { tenantId, id } of await listWaitingJobs(database, { idle, limit: MAX_IDLE })) {
    const seen = await asJobOwner(database, tenantId, ({ orm }) =>
      orm
        .update(jobs)
        .set({ updatedAt: sql`now()` })
        .where(and(addressedBy({ tenantId, id }), eq(jobs.status, "in_progress"), UNHELD))
        .returning({ id: jobs.id }),
    );
    if (seen.length > 0) found.push({ tenantId, id });
  }
  return found;
}
