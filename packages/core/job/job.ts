import { and, desc, eq, inArray, type SQL, sql } from "drizzle-orm";
import type { Database, Orm } from "../database/database.ts";
import { decodeJson, type JsonObject } from "../database/json.ts";
import { exact, jobs, ownedBy } from "../database/schema.ts";
import { encodeText } from "../database/text.ts";
import { asOwner } from "../database/transaction.ts";
import { writeLargeJson } from "../database/write-json.ts";
import { MAX_RESPONSE_BYTES } from "../document/response-size.ts";
import { AppError } from "../error.ts";

export type JobStatus = "in_progress" | "completed" | "failed" | "cancelled";

/** Work that continues after the request that started it is answered. */
export interface Job {
  readonly id: string;
  /** Null: the operator's. */
  readonly tenantId: string | null;
  readonly kind: string;
  readonly status: JobStatus;
  /** Progress. The keys depend on the kind: `{ documents: 1200, failed: 3 }`. */
  readonly counts: Readonly<Record<string, number>>;
  /** Null until the job has ended. A result that is too large for a response is `{ omitted }` with the reason. */
  readonly result: JsonObject | null;
  readonly lastError: { readonly code: string; readonly message: string } | null;
  /** Workers that have leased it, except those that released it. */
  readonly attempts: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly finishedAt: Date | null;
}

/** Owner and id of a job. Queues carry this. */
export interface JobAddress {
  readonly tenantId: string | null;
  readonly id: string;
}

/** The columns of a job. A result of more than `maxBytes` is omitted. */
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

const OMITTED = "The result is omitted: it exceeds the maximum size of a response.";

/** The result of a job that has ended, if `fits` is true. A partial result is only for the next worker. */
function resultColumn(fits: SQL) {
  return sql<JsonObject | null>`
    CASE WHEN ${jobs.status} = 'in_progress' OR ${jobs.result} IS NULL THEN NULL
         WHEN ${fits} THEN ${exact(jobs.result)}
         ELSE ${JSON.stringify({ omitted: OMITTED })} END`.mapWith(decodeJson);
}

export interface NewJob {
  /** A UUID that the caller chooses. Default: a random one. */
  readonly id?: string;
  readonly kind: string;
  readonly request: JsonObject;
}

/**
 * Stores a job; the caller sends it to a queue. If the owner already has a job with this id, that job is returned
 * unchanged, or restarted if it has failed. Throws `tenant_busy` if the tenant has 1,000 other unfinished jobs.
 */
export async function createJob(
  database: Database,
  tenantId: string | null,
  { id, kind, request: input }: NewJob,
): Promise<Job> {
  const request = sql`${await writeLargeJson(input)}::jsonb`;
  return asOwner(database, tenantId, async ({ orm }) => {
    const [created] = await orm
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
    if (created) {
      if (tenantId !== null) await assertOpenJobLimit(orm, tenantId);
      return created as Job;
    }
    const [existing] = await orm
      .select(jobColumns())
      .from(jobs)
      .where(eq(jobs.id, id as string));
    return existing as Job;
  });
}

/** Maximum number of unfinished jobs of a tenant. Each stores its request, which can be several megabytes. */
const MAX_OPEN_JOBS = 1_000;

async function assertOpenJobLimit(orm: Orm, tenantId: string): Promise<void> {
  const open = orm
    .select({ id: jobs.id })
    .from(jobs)
    .where(and(ownedBy(jobs.tenantId, tenantId), eq(jobs.status, "in_progress")))
    .limit(MAX_OPEN_JOBS + 1);
  if ((await open).length <= MAX_OPEN_JOBS) return;
  throw new AppError(
    "tenant_busy",
    `The job cannot be created: the tenant already has ${MAX_OPEN_JOBS.toLocaleString("en")} unfinished jobs. Wait until some finish, or cancel some, and try again.`,
    { retryAfter: 60 },
  );
}

export interface JobOptions {
  /** Maximum bytes of all results together; results beyond that are omitted. Default `MAX_RESPONSE_BYTES`. */
  readonly maxBytes?: number;
}

/** Throws `not_found`, also for a job of another owner. */
export function getJob(database: Database, { tenantId, id }: JobAddress, { maxBytes }: JobOptions = {}): Promise<Job> {
  return asOwner(database, tenantId, async ({ orm }) => {
    const [job] = await orm.select(jobColumns(maxBytes)).from(jobs).where(hasAddress({ tenantId, id }));
    if (!job) throw notFound(id);
    return job;
  });
}

/** The owner's jobs with these ids, in one statement, for polling. Ids that do not exist are left out. */
export function getJobs(
  database: Database,
  tenantId: string | null,
  ids: readonly string[],
  { maxBytes }: JobOptions = {},
): Promise<ReadonlyMap<string, Job>> {
  return asOwner(database, tenantId, async ({ orm }) => {
    const found = await orm
      .select(jobColumns(maxBytes))
      .from(jobs)
      .where(and(ownedBy(jobs.tenantId, tenantId), inArray(jobs.id, [...ids])));
    return new Map(found.map((job) => [job.id, job as Job]));
  });
}

export interface ListJobsOptions extends JobOptions {
  /** Maximum number of jobs. Default 100. */
  readonly limit?: number;
}

/** The owner's jobs, newest first. Results are included until they exceed `maxBytes` together. */
export function listJobs(
  database: Database,
  tenantId: string | null,
  { limit = 100, maxBytes = MAX_RESPONSE_BYTES }: ListJobsOptions = {},
): Promise<readonly Job[]> {
  return asOwner(database, tenantId, async ({ orm }) => {
    const newest = [desc(jobs.createdAt), desc(jobs.id)];
    const size = sql<number>`coalesce(octet_length(${jobs.result}::text), 0)::float8`;
    const page = await orm
      .select({ id: jobs.id, size })
      .from(jobs)
      .where(ownedBy(jobs.tenantId, tenantId))
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
      .where(and(ownedBy(jobs.tenantId, tenantId), inArray(jobs.id, idsOf(page))))
      .orderBy(...newest);
  });
}

function idsOf(found: readonly { readonly id: string }[]): string[] {
  return found.map(({ id }) => id);
}

/** Cancels a job: at its next heartbeat, or at once if no worker has leased it. A job that has ended does not change. */
export function cancelJob(database: Database, address: JobAddress): Promise<Job> {
  return asOwner(database, address.tenantId, async ({ orm }) => {
    const [job] = await orm
      .update(jobs)
      .set({
        cancelledAt: sql`CASE WHEN ${jobs.status} = 'in_progress' THEN now() ELSE ${jobs.cancelledAt} END`,
        status: sql`CASE WHEN ${jobs.status} = 'in_progress' AND ${IS_UNLEASED} THEN 'cancelled' ELSE ${jobs.status} END`,
        finishedAt: sql`CASE WHEN ${jobs.status} = 'in_progress' AND ${IS_UNLEASED} THEN now() ELSE ${jobs.finishedAt} END`,
        request: sql`CASE WHEN ${IS_UNLEASED} THEN NULL ELSE ${jobs.request} END`,
      })
      .where(hasAddress(address))
      .returning(jobColumns());
    if (!job) throw notFound(address.id);
    return job;
  });
}

/** Fails a job that no worker will finish. A job that is leased or has ended does not change. */
export async function failJob(
  database: Database,
  address: JobAddress,
  lastError: NonNullable<Job["lastError"]>,
): Promise<void> {
  await asOwner(database, address.tenantId, ({ orm }) =>
    orm
      .update(jobs)
      .set({ status: "failed", lastError, request: null, finishedAt: sql`now()`, updatedAt: sql`now()` })
      .where(and(hasAddress(address), eq(jobs.status, "in_progress"), IS_UNLEASED)),
  );
}

/** SQL condition: no worker has leased the job, or the lease has expired. */
export const IS_UNLEASED = sql`coalesce(${jobs.leasedUntil} < now(), true)`;

export function hasAddress({ tenantId, id }: JobAddress) {
  return and(ownedBy(jobs.tenantId, tenantId), sql`${jobs.id}::text = ${encodeText(id.toLowerCase())}`);
}

function notFound(id: string): AppError {
  return new AppError("not_found", `There is no job ${JSON.stringify(id)}.`);
}
