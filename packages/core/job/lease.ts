import { randomUUID } from "node:crypto";
import { and, eq, gte, lt, sql } from "drizzle-orm";
import type { Database } from "../database/database.ts";
import { decodeLargeJson, type JsonObject } from "../database/json.ts";
import { exact, jobs } from "../database/schema.ts";
import { addressedBy, asJobOwner, type Job, type JobAddress, UNHELD } from "./job.ts";

/** Milliseconds that a worker keeps a job after its last heartbeat. */
const LEASE_MS = 30_000;

/** Workers that may take a job and never give it back; then it has failed. */
const MAX_ATTEMPTS = 3;

/** A job that this worker holds. */
export interface TakenJob {
  readonly address: JobAddress;
  /** Fencing token: whoever takes the job over has another. */
  readonly holder: string;
  readonly kind: string;
  readonly request: JsonObject | null;
  readonly counts: Readonly<Record<string, number>>;
  readonly result: JsonObject | null;
}

/** What a worker reports of its job. */
export interface Progress {
  readonly counts?: Readonly<Record<string, number>>;
  /** Of the worker so far, and in the end. */
  readonly result?: JsonObject | null;
}

/**
 * Takes a job that waits, or whose worker has stopped its heartbeat. Undefined where another worker has it or it has
 * ended. One that has lost `MAX_ATTEMPTS` workers is not taken: it fails with `worker_lost`.
 */
export function takeJob(database: Database, address: JobAddress): Promise<TakenJob | undefined> {
  const holder = randomUUID();
  const free = and(addressedBy(address), eq(jobs.status, "in_progress"), UNHELD);
  return asJobOwner(database, address.tenantId, async ({ orm }) => {
    const [taken] = await orm
      .update(jobs)
      .set({
        holder,
        heldUntil: leasedUntil(),
        attempts: sql`${jobs.attempts} + 1`,
        takenAt: sql`now()`,
        updatedAt: sql`now()`,
      })
      .where(and(free, lt(jobs.attempts, MAX_ATTEMPTS)))
      .returning({
        kind: jobs.kind,
        counts: jobs.counts,
        request: sql<string | null>`${jobs.request}::text`,
        result: exact(jobs.result),
      });
    if (taken) return { ...taken, request: await decodeLargeJson(taken.request), address, holder };
    await orm
      .update(jobs)
      .set({
        status: "failed",
        lastError: WORKER_LOST,
        request: null,
        result: null,
        heldUntil: null,
        updatedAt: sql`now()`,
        finishedAt: sql`now()`,
      })
      .where(and(free, gte(jobs.attempts, MAX_ATTEMPTS)));
    return undefined;
  });
}

const WORKER_LOST: NonNullable<Job["lastError"]> = {
  code: "worker_lost",
  message:
    `The job was not finished: ${MAX_ATTEMPTS} workers took it, and each ended without a word, as a process does that runs out of ` +
    "memory or is killed. What it has done so far stays. Send the rest again in smaller pieces, or give the service more memory.",
};

/** Extends the lease and saves progress. `lost`: another worker has the job, or it has ended. */
export function extendLease(
  database: Database,
  { address, holder }: TakenJob,
  progress: Progress,
): Promise<"kept" | "cancelled" | "lost"> {
  return asJobOwner(database, address.tenantId, async ({ orm }) => {
    const [kept] = await orm
      .update(jobs)
      .set({ heldUntil: leasedUntil(), ...progress, updatedAt: sql`now()` })
      .where(and(addressedBy(address), eq(jobs.holder, holder), eq(jobs.status, "in_progress")))
      .returning({ cancelledAt: jobs.cancelledAt });
    return kept ? (kept.cancelledAt ? "cancelled" : "kept") : "lost";
  });
}

/** Hands the job over with its progress: the next worker may take it at once, and no attempt is counted. */
export async function releaseJob(
  database: Database,
  { address, holder }: TakenJob,
  progress: Progress,
): Promise<void> {
  await asJobOwner(database, address.tenantId, ({ orm }) =>
    orm
      .update(jobs)
      .set({
        ...progress,
        holder: null,
        heldUntil: null,
        attempts: sql`greatest(0, ${jobs.attempts} - 1)`,
        updatedAt: sql`now()`,
      })
      .where(and(addressedBy(address), eq(jobs.holder, holder), eq(jobs.status, "in_progress"))),
  );
}

export interface End extends Progress {
  readonly status: "completed" | "failed" | "cancelled";
  readonly lastError?: Job["lastError"];
}

/** Ends the job; what it was asked for is dropped. */
export async function finishJob(database: Database, { address, holder }: TakenJob, end: End): Promise<void> {
  await asJobOwner(database, address.tenantId, ({ orm }) =>
    orm
      .update(jobs)
      .set({ ...end, request: null, heldUntil: null, updatedAt: sql`now()`, finishedAt: sql`now()` })
      .where(and(addressedBy(address), eq(jobs.holder, holder))),
  );
}

function leasedUntil() {
  return sql`now() + ${LEASE_MS}::float8 * interval '1 millisecond'`;
}
