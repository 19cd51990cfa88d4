import { randomUUID } from "node:crypto";
import { and, eq, gte, lt, sql } from "drizzle-orm";
import type { Database } from "../database/database.ts";
import { decodeLargeJson, type JsonObject } from "../database/json.ts";
import { exact, jobs } from "../database/schema.ts";
import { asOwner } from "../database/transaction.ts";
import { leaseEnd } from "../lease/lease-end.ts";
import { hasAddress, IS_UNLEASED, type Job, type JobAddress } from "./job.ts";

/** Milliseconds that a lease lasts after the last heartbeat. */
const LEASE_MS = 30_000;

/** Maximum number of workers that may lease a job without releasing it. After that the job fails. */
const MAX_ATTEMPTS = 3;

/** A job that this worker has leased. */
export interface LeasedJob {
  readonly address: JobAddress;
  /** Fencing token. Each lease of a job has a new one. */
  readonly leaseToken: string;
  readonly kind: string;
  readonly request: JsonObject | null;
  readonly counts: Readonly<Record<string, number>>;
  readonly result: JsonObject | null;
}

/** What a worker reports about its job. */
export interface Progress {
  readonly counts?: Readonly<Record<string, number>>;
  /** Partial result of the worker, or the final one when the job ends. */
  readonly result?: JsonObject | null;
}

/**
 * Leases a waiting job, or a job whose worker has stopped its heartbeat. Undefined if another worker has the lease or
 * the job has ended. A job that has lost `MAX_ATTEMPTS` workers is not leased: it fails with `worker_lost`.
 */
export function leaseJob(database: Database, address: JobAddress): Promise<LeasedJob | undefined> {
  const leaseToken = randomUUID();
  const available = and(hasAddress(address), eq(jobs.status, "in_progress"), IS_UNLEASED);
  return asOwner(database, address.tenantId, async ({ orm }) => {
    const [leased] = await orm
      .update(jobs)
      .set({
        leaseToken,
        leasedUntil: leaseEnd(LEASE_MS),
        attempts: sql`${jobs.attempts} + 1`,
        takenAt: sql`now()`,
        updatedAt: sql`now()`,
      })
      .where(and(available, lt(jobs.attempts, MAX_ATTEMPTS)))
      .returning({
        kind: jobs.kind,
        counts: jobs.counts,
        request: sql<string | null>`${jobs.request}::text`,
        result: exact(jobs.result),
      });
    if (leased) return { ...leased, request: await decodeLargeJson(leased.request), address, leaseToken };
    await orm
      .update(jobs)
      .set({
        status: "failed",
        lastError: WORKER_LOST,
        request: null,
        result: null,
        leasedUntil: null,
        updatedAt: sql`now()`,
        finishedAt: sql`now()`,
      })
      .where(and(available, gte(jobs.attempts, MAX_ATTEMPTS)));
    return undefined;
  });
}

const WORKER_LOST: NonNullable<Job["lastError"]> = {
  code: "worker_lost",
  message:
    `The job failed: ${MAX_ATTEMPTS} workers started it, and each stopped without reporting an error. This happens when a process runs out of ` +
    "memory or is killed. What the job has done so far is kept. Send the rest again in smaller requests, or give the service more memory.",
};

/** Extends the lease and saves progress. `lost`: another worker has the lease, or the job has ended. */
export function extendLease(
  database: Database,
  { address, leaseToken }: LeasedJob,
  progress: Progress,
): Promise<"extended" | "cancelled" | "lost"> {
  return asOwner(database, address.tenantId, async ({ orm }) => {
    const [extended] = await orm
      .update(jobs)
      .set({ leasedUntil: leaseEnd(LEASE_MS), ...progress, updatedAt: sql`now()` })
      .where(and(hasAddress(address), eq(jobs.leaseToken, leaseToken), eq(jobs.status, "in_progress")))
      .returning({ cancelledAt: jobs.cancelledAt });
    return extended ? (extended.cancelledAt ? "cancelled" : "extended") : "lost";
  });
}

/** Releases the lease and saves progress. The next worker may lease the job at once, and no attempt is counted. */
export async function releaseJob(
  database: Database,
  { address, leaseToken }: LeasedJob,
  progress: Progress,
): Promise<void> {
  await asOwner(database, address.tenantId, ({ orm }) =>
    orm
      .update(jobs)
      .set({
        ...progress,
        leaseToken: null,
        leasedUntil: null,
        attempts: sql`greatest(0, ${jobs.attempts} - 1)`,
        updatedAt: sql`now()`,
      })
      .where(and(hasAddress(address), eq(jobs.leaseToken, leaseToken), eq(jobs.status, "in_progress"))),
  );
}

export interface JobEnd extends Progress {
  readonly status: "completed" | "failed" | "cancelled";
  readonly lastError?: Job["lastError"];
}

/** Ends the job and deletes its request. */
export async function finishJob(database: Database, { address, leaseToken }: LeasedJob, end: JobEnd): Promise<void> {
  await asOwner(database, address.tenantId, ({ orm }) =>
    orm
      .update(jobs)
      .set({ ...end, request: null, leasedUntil: null, updatedAt: sql`now()`, finishedAt: sql`now()` })
      .where(and(hasAddress(address), eq(jobs.leaseToken, leaseToken))),
  );
}
