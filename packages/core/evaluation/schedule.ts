import type { Database } from "../database/database.ts";
import { createJob } from "../job/job.ts";
import type { JobQueue } from "../job/local-queue.ts";
import { listTenants } from "../tenant/tenant.ts";
import { EVALUATE_JOB } from "./job-kind.ts";
import { claimDueSets } from "./set.ts";

export interface ScheduleOptions {
  readonly queue: Pick<JobQueue, "send">;
  /** Gets what prevented the run of a tenant's sets. Other tenants are not affected. */
  readonly onError: (error: unknown, about: Readonly<Record<string, string>>) => void;
}

/** Starts a job for each question set whose schedule is due. Two processes do not start the same run. */
export async function startDueEvaluations(database: Database, { queue, onError }: ScheduleOptions): Promise<void> {
  for (const { id: tenantId } of await listTenants(database))
    try {
      for (const { id: set } of await claimDueSets(database, tenantId)) {
        const request = { set, started_by: "schedule" };
        const job = await createJob(database, tenantId, { kind: EVALUATE_JOB, request });
        await queue.send({ tenantId, id: job.id });
      }
    } catch (error) {
      onError(error, { about: "a scheduled evaluation", tenant: tenantId });
    }
}
