import { randomUUID } from "node:crypto";
import { and, eq, sql } from "drizzle-orm";
import type { Database } from "../database/database.ts";
import type { JsonObject } from "../database/json.ts";
import { exact, jobs } from "../database/schema.ts";
import { AppError } from "../error.ts";
import type { Services } from "../services.ts";
import { addressedBy, asJobOwner, type JobAddress, UNHELD } from "./job.ts";

/** What a kind of job does with its request; what it returns is the job's result. Safe to run again from the start. */
export type JobRunner = (services: Services, work: JobWork) => Promise<JsonObject>;

export interface JobWork {
  readonly id: string;
  readonly tenantId: string | null;
  readonly request: JsonObject;
  /** What an earlier worker reported last: where to go on. Empty at first. */
  readonly counts: Readonly<Record<string, number>>;
  /** What an earlier worker had of the result. Empty at first. */
  readonly partial: JsonObject;
  /** Aborted where the worker's time is over, the job is cancelled, or another worker has taken it over. */
  readonly signal: AbortSignal;
  /** The counts are shown to whoever watches, within a second; both are there for the worker that goes on. */
  readonly report: (counts: Readonly<Record<string, number>>, partial?: JsonObject) => void;
}

export type JobKinds = Readonly<Record<string, JobRunner>>;

/** Milliseconds that a job is held after its worker's last sign of life. */
const HELD = 30_000;
const SIGN_OF_LIFE = 1_000;

/** `released`: the worker's time was over; the next goes on. `elsewhere`: another has it, or it has ended. */
export type JobOutcome = "ended" | "released" | "elsewhere";

export interface RunJobOptions {
  /** Aborted when this worker's time is over: the job is given back as it is. */
  readonly signal?: AbortSignal;
}

/**
 * Runs a job to its end, unless another worker has it or it has ended: then it does nothing. A failure is written
 * down with the job and not thrown; what is thrown is that the job could not be reached.
 */
export async function runJob(
  services: Services,
  kinds: JobKinds,
  address: JobAddress,
  { signal }: RunJobOptions = {},
): Promise<JobOutcome> {
  const { database } = services;
  const holder = randomUUID();
  const taken = await takeJob(database, address, holder);
  if (!taken) return "elsewhere";
  const ended = new AbortController();
  const outOfTime = () => ended.abort(new Ended("out of time"));
  if (signal?.aborted) outOfTime();
  signal?.addEventListener("abort", outOfTime);
  let counts: Readonly<Record<string, number>> = taken.counts;
  let result = taken.result;
  const beat = setInterval(async () => {
    const state = await keepJob(database, address, { holder, counts, result }).catch(() => undefined); // held for a while yet
    if (state === "lost" || state === "cancelled") ended.abort(new Ended(state));
  }, SIGN_OF_LIFE);
  const finish = (end: End) => finishJob(database, address, { holder, counts, result: null, ...end });
  try {
    const run = kinds[taken.kind];
    if (!run) throw new AppError("invalid_input", `This service has no jobs of the kind ${taken.kind}.`);
    const whole = await run(services, {
      ...address,
      request: taken.request ?? {},
      counts: taken.counts,
      partial: taken.result ?? {},
      signal: ended.signal,
      report(next, partial) {
        counts = next;
        result = partial ?? result;
      },
    });
    await finish({ status: "completed", result: whole });
    return "ended";
  } catch (error) {
    const { reason } = ended.signal;
    const why = reason instanceof Ended ? reason.why : undefined;
    if (why === "lost") return "elsewhere"; // another worker ends it
    if (why === "out of time") {
      await releaseJob(database, address, { holder, counts, result });
      return "released";
    }
    await finish(
      why === "cancelled" ? { status: "cancelled" } : { status: "failed", lastError: describe(error) },
    );
    return "ended";
  } finally {
    clearInterval(beat);
    signal?.removeEventListener("abort", outOfTime);
  }
}

class Ended extends Error {
  readonly why: "lost" | "cancelled" | "out of time";

  constructor(why: Ended["why"]) {
    super(`The job is ${why}.`);
    this.why = why;
  }
}

/** Only what the domain says of a failure may be shown; anything else is the service's own fault. */
function describe(error: unknown): { readonly code: string; readonly message: string } {
  if (error instanceof AppError) return { code: error.code, message: error.message };
  return {
    code: "internal_error",
    message: "The service failed. Try again; where it stays so, report the job's id.",
  };
}

function takeJob(database: Database, address: JobAddress, holder: string) {
  return asJobOwner(database, address.tenantId, async ({ orm }) => {
    const [taken] = await orm
      .update(jobs)
      .set({ holder, heldUntil: until(), updatedAt: sql`now()` })
      .where(and(addressedBy(address), eq(jobs.status, "in_progress"), UNHELD))
      .returning({
        kind: jobs.kind,
        counts: jobs.counts,
        request: exact(jobs.request),
        result: exact(jobs.result),
      });
    return taken;
  });
}

interface Sign {
  readonly holder: string;
  readonly counts: Readonly<Record<string, number>>;
  /** Of the worker so far, and in the end. */
  readonly result: JsonObject | null;
}

function keepJob(database: Database, address: JobAddress, { holder, ...sign }: Sign) {
  return asJobOwner(database, address.tenantId, async ({ orm }) => {
    const [kept] = await orm
      .update(jobs)
      .set({ heldUntil: until(), ...sign, updatedAt: sql`now()` })
      .where(and(addressedBy(address), eq(jobs.holder, holder), eq(jobs.status, "in_progress")))
      .returning({ cancelledAt: jobs.cancelledAt });
    return kept ? (kept.cancelledAt ? "cancelled" : "kept") : "lost";
  });
}

async function releaseJob(database: Database, address: JobAddress, { holder, ...sign }: Sign): Promise<void> {
  await asJobOwner(database, address.tenantId, ({ orm }) =>
    orm
      .update(jobs)
      .set({ ...sign, holder: null, heldUntil: null, updatedAt: sql`now()` })
      .where(and(addressedBy(address), eq(jobs.holder, holder))),
  );
}

interface End {
  readonly status: "completed" | "failed" | "cancelled";
  readonly result?: JsonObject | null;
  readonly lastError?: { readonly code: string; readonly message: string };
}

async function finishJob(
  database: Database,
  address: JobAddress,
  { holder, ...end }: Sign & End,
): Promise<void> {
  await asJobOwner(database, address.tenantId, ({ orm }) =>
    orm
      .update(jobs)
      .set({ ...end, request: null, heldUntil: null, updatedAt: sql`now()`, finishedAt: sql`now()` })
      .where(and(addressedBy(address), eq(jobs.holder, holder))),
  );
}

function until() {
  return sql`now() + ${HELD}::float8 * interval '1 millisecond'`;
}
