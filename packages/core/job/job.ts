import { and, desc, eq, inArray, isNull, type SQL, sql } from "drizzle-orm";
import type { Database, Orm, Transaction } from "../database/database.ts";
import { decodeJson, type JsonObject } from "../database/json.ts";
import { exact, jobs } from "../database/schema.ts";
import { encodeText } from "../database/text.ts";
import { asAdmin, asTenant } from "../database/transaction.ts";
import { writeLargeJson } from "../database/write-json.ts";
import { MAX_RESPONSE_BYTES } from "../document/response-size.ts";
import { AppError } from "../error.ts";

export type JobStatus = "in_progress" | "completed" | "failed" | "cancelled";

/** Long work that goes on when the request that began it is answered. */
export interface Job {
  readonly id: string;
  /** Null: the operator's. */
  readonly tenantId: string | null;
  readonly kind: string;
  readonly status: JobStatus;
  /** How far it is, in the kind's own words: `{ documents: 1200, failed: 3 }`. */
  readonly counts: Readonly<Record<string, number>>;
  /** What it came to; null until it has ended. One that a response does not hold is `{ omitted }`, which says why. */
  readonly result: JsonObject | null;
  readonly lastError: { readonly code: string; readonly message: string } | null;
  /** Workers that have taken it, without those that handed it over in good order. */
  readonly attempts: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly finishedAt: Date | null;
}

/** Where to find a job: what travels through a queue. */
export interface JobAddress {
  readonly tenantId: string | null;
  readonly id: string;
}

/** The columns of jobs; results of more bytes are omitted. */
const jobColumns = (maxBytes = MAX_RESPONSE_BYTES) => ({
  id: jobs.id,
  tenantId: jobs.tenantId,
  kind: jobs.kind,
  status: jobs.status,
  counts: jobs.counts,
  result: resultColumn(sql`octet_length(${jobs.result}::text) <= ${maxBytes}::float8`),
  lastError: jobs.lastError,
  attempts: jobs.attempts,
  createdAt: jobs.createdAt,
  updatedAt: jobs.updatedAt,
  finishedAt: jobs.finishedAt,
});

const OMITTED = "The result has more bytes than a response holds.";

/** What a job came to, where it has ended and `fits` is true. What one in progress has of it is its next worker's. */
function resultColumn(fits: SQL) {
  return sql<JsonObject | null>`
    CASE WHEN ${jobs.status} = 'in_progress' OR ${jobs.result} IS NULL THEN NULL
         WHEN ${fits} THEN ${exact(jobs.result)}
         ELSE ${JSON.stringify({ omitted: OMITTED })} END`.mapWith(decodeJson);
}

export interface NewJob {
  /** A UUID of the caller's own. Default: a random one. */
  readonly id?: string;
  readonly kind: string;
  readonly request: JsonObject;
}

/**
 * Writes a job down; whoever has the queue runs it. One of the owner's that has this id is the same one, written down
 * before: it stays as it is, or starts again if it has failed. Throws `tenant_busy` where a tenant has 1,000 others that
 * have not ended.
 */
export async function createJob(
  database: Database,
  tenantId: string | null,
  { id, kind, request: given }: NewJob,
): Promise<Job> {
  const request = sql`${await writeLargeJson(given)}::jsonb`;
  return asJobOwner(database, tenantId, async ({ orm }) => {
    const [made] = await orm
      .insert(jobs)
      .values({ id, tenantId, kind, request })
      .onConflictDoUpdate({
        target: jobs.id,
        set: {
          status: "in_progress",
          request: sql`excluded.request`,
          counts: {},
          result: null,
          lastError: null,
          attempts: 0,
          updatedAt: sql`now()`,
          finishedAt: null,
        },
        setWhere: eq(jobs.status, "failed"),
      })
      .returning(jobColumns());
    if (made) {
      if (tenantId !== null) await assertFewOpen(orm, tenantId);
      return made as Job;
    }
    const [known] = await orm
      .select(jobColumns())
      .from(jobs)
      .where(eq(jobs.id, id as string));
    return known as Job;
  });
}

/** Jobs of a tenant that have not ended, at most: each keeps its request, which may have megabytes. */
const MAX_OPEN_JOBS = 1_000;

async function assertFewOpen(orm: Orm, tenantId: string): Promise<void> {
  const open = orm
    .select({ id: jobs.id })
    .from(jobs)
    .where(and(ownedBy(tenantId), eq(jobs.status, "in_progress")))
    .limit(MAX_OPEN_JOBS + 1);
  if ((await open).length <= MAX_OPEN_JOBS) return;
  throw new AppError(
    "tenant_busy",
    `The tenant has ${MAX_OPEN_JOBS.toLocaleString("en")} jobs that have not ended. Wait until some have, or cancel them, and send this one again.`,
    { retryAfter: 60 },
  );
}

export interface JobOptions {
  /** Bytes of the results of the answer; what goes beyond is omitted. Default `MAX_RESPONSE_BYTES`. */
  readonly maxBytes?: number;
}

/** Throws `not_found`, also for another owner's. */
export function getJob(
  database: Database,
  { tenantId, id }: JobAddress,
  { maxBytes }: JobOptions = {},
): Promise<Job> {
  return asJobOwner(database, tenantId, async ({ orm }) => {
    const [job] = await orm.select(jobColumns(maxBytes)).from(jobs).where(addressedBy({ tenantId, id }));
    if (!job) throw missing(id);
    return job;
  });
}

/** Those of the owner's jobs that exist, by id, in one statement: for looking again and again. */
export function getJobs(
  database: Database,
  tenantId: string | null,
  ids: readonly string[],
  { maxBytes }: JobOptions = {},
): Promise<ReadonlyMap<string, Job>> {
  return asJobOwner(database, tenantId, async ({ orm }) => {
    const found = await orm
      .select(jobColumns(maxBytes))
      .from(jobs)
      .where(and(ownedBy(tenantId), inArray(jobs.id, [...ids])));
    return new Map(found.map((job) => [job.id, job as Job]));
  });
}

export interface ListJobsOptions extends JobOptions {
  /** Jobs at most. Default 100. */
  readonly limit?: number;
}

/** The owner's jobs, newest first, with the results of as many as fit into `maxBytes` together. */
export function listJobs(
  database: Database,
  tenantId: string | null,
  { limit = 100, maxBytes = MAX_RESPONSE_BYTES }: ListJobsOptions = {},
): Promise<readonly Job[]> {
  return asJobOwner(database, tenantId, async ({ orm }) => {
    const newest = [desc(jobs.createdAt), desc(jobs.id)];
    const size = sql<number>`coalesce(octet_length(${jobs.result}::text), 0)::float8`;
    const page = await orm
      .select({ id: jobs.id, size })
      .from(jobs)
      .where(ownedBy(tenantId))
      .orderBy(...newest)
      .limit(limit);
    let bytes = 0;
    const fitting = page.filter(({ size }) => {
      bytes += size;
      return bytes <= maxBytes;
    });
    const fits = sql`${jobs.id} = ANY(${sql.param(idsOf(fitting))}::uuid[])`;
    return orm
      .select({ ...jobColumns(), result: resultColumn(fits) })
      .from(jobs)
      .where(and(ownedBy(tenantId), inArray(jobs.id, idsOf(page))))
      .orderBy(...newest);
  });
}

function idsOf(found: readonly { readonly id: string }[]): string[] {
  return found.map(({ id }) => id);
}

/** Ends a job at its next sign of life; at once where nobody has begun it. One that has ended stays as it is. */
export function cancelJob(database: Database, address: JobAddress): Promise<Job> {
  return asJobOwner(database, address.tenantId, async ({ orm }) => {
    const [job] = await orm
      .update(jobs)
      .set({
        cancelledAt: sql`CASE WHEN ${jobs.status} = 'in_progress' THEN now() ELSE ${jobs.cancelledAt} END`,
        status: sql`CASE WHEN ${jobs.status} = 'in_progress' AND ${UNHELD} THEN 'cancelled' ELSE ${jobs.status} END`,
        finishedAt: sql`CASE WHEN ${jobs.status} = 'in_progress' AND ${UNHELD} THEN now() ELSE ${jobs.finishedAt} END`,
        request: sql`CASE WHEN ${UNHELD} THEN NULL ELSE ${jobs.request} END`,
      })
      .where(addressedBy(address))
      .returning(jobColumns());
    if (!job) throw missing(address.id);
    return job;
  });
}

/** Ends a job that nobody brings to its end. One that is being worked on, or has ended, stays as it is. */
export async function giveUpJob(
  database: Database,
  address: JobAddress,
  lastError: NonNullable<Job["lastError"]>,
): Promise<void> {
  await asJobOwner(database, address.tenantId, ({ orm }) =>
    orm
      .update(jobs)
      .set({ status: "failed", lastError, request: null, finishedAt: sql`now()`, updatedAt: sql`now()` })
      .where(and(addressedBy(address), eq(jobs.status, "in_progress"), UNHELD)),
  );
}

/** Nobody works on it, or whoever did has shown no sign of life. */
export const UNHELD = sql`coalesce(${jobs.heldUntil} < now(), true)`;

export function asJobOwner<T>(
  database: Database,
  tenantId: string | null,
  work: (transaction: Transaction) => Promise<T>,
): Promise<T> {
  return tenantId === null ? asAdmin(database, work) : asTenant(database, tenantId, work);
}

function ownedBy(tenantId: string | null) {
  return tenantId === null ? isNull(jobs.tenantId) : eq(jobs.tenantId, tenantId);
}

export function addressedBy({ tenantId, id }: JobAddress) {
  return and(ownedBy(tenantId), sql`${jobs.id}::text = ${encodeText(id.toLowerCase())}`);
}

function missing(id: string): AppError {
  return new AppError("not_found", `There is no job ${JSON.stringify(id)}.`);
}
