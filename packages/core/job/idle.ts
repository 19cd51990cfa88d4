import { and, eq, sql } from "drizzle-orm";
import type { Database } from "../database/database.ts";
import { jobs } from "../database/schema.ts";
import { asOwner } from "../database/transaction.ts";
import { hasAddress, IS_UNLEASED, type JobAddress } from "./job.ts";
import { listWaitingJobs } from "./waiting.ts";

/** Maximum number of jobs that one call returns. */
const MAX_IDLE = 1_000;

/**
 * Jobs that no worker has leased and that had no heartbeat for `idle` milliseconds: their message was lost or never
 * sent. Sets the heartbeat of each to now, so that the next call does not return it again.
 */
export async function claimIdleJobs(database: Database, idle: number): Promise<readonly JobAddress[]> {
  const claimed: JobAddress[] = [];
  for (const { tenantId, id } of await listWaitingJobs(database, { idle, limit: MAX_IDLE })) {
    const updated = await asOwner(database, tenantId, ({ orm }) =>
      orm
        .update(jobs)
        .set({ updatedAt: sql`now()` })
        .where(and(hasAddress({ tenantId, id }), eq(jobs.status, "in_progress"), IS_UNLEASED))
        .returning({ id: jobs.id }),
    );
    if (updated.length > 0) claimed.push({ tenantId, id });
  }
  return claimed;
}
