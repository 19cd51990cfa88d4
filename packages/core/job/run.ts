import { setTimeout as sleep } from "node:timers/promises";
import type { JsonObject } from "../database/json.ts";
import { AppError } from "../error.ts";
import type { Services } from "../services.ts";
import type { JobAddress } from "./job.ts";
import { extendLease, finishJob, type JobEnd, type LeasedJob, leaseJob, type Progress, releaseJob } from "./lease.ts";

/** Runs one kind of job and returns the job's result. It must be safe to run again from the start. */
export type JobRunner = (services: Services, work: JobWork) => Promise<JsonObject>;

export interface JobWork {
  readonly id: string;
  readonly tenantId: string | null;
  readonly request: JsonObject;
  /** The last counts that an earlier worker reported: where to continue. Empty at first. */
  readonly counts: Readonly<Record<string, number>>;
  /** The partial result of an earlier worker. Empty at first. */
  readonly partial: JsonObject;
  /** Aborted when the worker shuts down, the job is cancelled, or another worker has leased it. */
  readonly signal: AbortSignal;
  /** Saves counts and partial result for the next worker. Watchers see the counts within a second. */
  readonly report: (counts: Readonly<Record<string, number>>, partial?: JsonObject) => void;
}

export type JobKinds = Readonly<Record<string, JobRunner>>;

/** Milliseconds between two heartbeats. */
const HEARTBEAT_MS = 1_000;

/** Milliseconds that a runner has to stop after its signal is aborted. Then the job is released without it. */
const STOP_TIMEOUT_MS = 5_000;

/** `released`: the worker shut down and another one continues. `elsewhere`: another worker has the lease, or the job has ended. */
export type JobOutcome = "ended" | "released" | "elsewhere";

export interface RunJobOptions {
  /** Aborted when this worker shuts down: the job is released with its progress. */
  readonly signal?: AbortSignal;
}

/**
 * Runs a job to its end. Does nothing if another worker has the lease or the job has ended. A failure of the job is
 * stored with the job, not thrown. Throws when the job cannot be read or updated.
 */
export async function runJob(
  services: Services,
  kinds: JobKinds,
  address: JobAddress,
  options: RunJobOptions = {},
): Promise<JobOutcome> {
  const leased = await leaseJob(services.database, address);
  return leased ? runLeasedJob(services, kinds, leased, options) : "elsewhere";
}

/** `runJob` for a job that this worker has leased already. */
export async function runLeasedJob(
  services: Services,
  kinds: JobKinds,
  leased: LeasedJob,
  { signal }: RunJobOptions = {},
): Promise<JobOutcome> {
  const { database } = services;
  const stop = new AbortController();
  const onShutdown = () => stop.abort(new JobStopped("shutdown"));
  if (signal?.aborted) onShutdown();
  signal?.addEventListener("abort", onShutdown);
  let progress: Progress = {};
  let unsaved: Progress = {};
  const heartbeat = setInterval(async () => {
    const sent = unsaved;
    unsaved = {};
    const state = await extendLease(database, leased, sent).catch(() => {
      unsaved = { ...sent, ...unsaved }; // the lease outlasts a failed heartbeat
      return undefined;
    });
    if (state === "lost" || state === "cancelled") stop.abort(new JobStopped(state));
  }, HEARTBEAT_MS);
  const finish = (end: JobEnd) =>
    finishJob(database, leased, { counts: progress.counts ?? leased.counts, result: null, ...end });
  try {
    const result = await withStopTimeout(stop.signal, () =>
      run(services, kinds, leased, {
        signal: stop.signal,
        report(counts, partial) {
          const next = partial ? { counts, result: partial } : { counts };
          progress = { ...progress, ...next };
          unsaved = { ...unsaved, ...next };
        },
      }),
    );
    await finish({ status: "completed", result });
    return "ended";
  } catch (error) {
    const { reason: stopped } = stop.signal;
    const reason = stopped instanceof JobStopped ? stopped.reason : undefined;
    if (reason === "lost") return "elsewhere"; // another worker ends it
    if (reason === "shutdown") {
      await releaseJob(database, leased, progress);
      return "released";
    }
    await finish(
      reason === "cancelled" ? { status: "cancelled" } : { status: "failed", lastError: publicError(error) },
    );
    return "ended";
  } finally {
    clearInterval(heartbeat);
    signal?.removeEventListener("abort", onShutdown);
  }
}

async function run(
  services: Services,
  kinds: JobKinds,
  { address, kind, request, counts, result }: LeasedJob,
  worker: Pick<JobWork, "signal" | "report">,
): Promise<JsonObject> {
  const runner = kinds[kind];
  if (!runner) throw new AppError("invalid_input", `The job cannot run: this service has no job kind ${kind}.`);
  return runner(services, { ...address, request: request ?? {}, counts, partial: result ?? {}, ...worker });
}

/** The result of the work. Throws the signal's reason if the work does not stop within `STOP_TIMEOUT_MS` after an abort. */
async function withStopTimeout<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  const finished = new AbortController();
  const timeout = new Promise<never>((_, reject) => {
    const startTimer = () =>
      sleep(STOP_TIMEOUT_MS, undefined, { signal: finished.signal }).then(
        () => reject(signal.reason),
        () => {}, // the work has stopped
      );
    if (signal.aborted) void startTimer();
    else signal.addEventListener("abort", () => void startTimer(), { once: true, signal: finished.signal });
  });
  try {
    return await Promise.race([work(), timeout]);
  } finally {
    finished.abort();
  }
}

class JobStopped extends Error {
  readonly reason: "lost" | "cancelled" | "shutdown";

  constructor(reason: JobStopped["reason"]) {
    super(`The job was stopped: ${reason}.`);
    this.reason = reason;
  }
}

/** What callers may see of an error: the message of an AppError. Any other error is the service's own fault. */
function publicError(error: unknown): { readonly code: string; readonly message: string } {
  if (error instanceof AppError) return { code: error.code, message: error.message };
  return {
    code: "internal_error",
    message: "The service failed. Try again; if it fails again, report the job's id.",
  };
}
