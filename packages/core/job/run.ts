import { setTimeout as sleep } from "node:timers/promises";
import type { JsonObject } from "../database/json.ts";
import { AppError } from "../error.ts";
import type { Services } from "../services.ts";
import type { JobAddress } from "./job.ts";
import {
  type End,
  extendLease,
  finishJob,
  type Progress,
  releaseJob,
  type TakenJob,
  takeJob,
} from "./lease.ts";

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

/** Milliseconds between two heartbeats. */
const HEARTBEAT_MS = 1_000;

/** Milliseconds that a runner has to stop when its worker's time is over; then the job is handed over without it. */
const STOP_TIMEOUT_MS = 5_000;

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
  options: RunJobOptions = {},
): Promise<JobOutcome> {
  const taken = await takeJob(services.database, address);
  return taken ? runTakenJob(services, kinds, taken, options) : "elsewhere";
}

/** `runJob` for a job that this worker holds already. */
export async function runTakenJob(
  services: Services,
  kinds: JobKinds,
  taken: TakenJob,
  { signal }: RunJobOptions = {},
): Promise<JobOutcome> {
  const { database } = services;
  const ended = new AbortController();
  const outOfTime = () => ended.abort(new Ended("out of time"));
  if (signal?.aborted) outOfTime();
  signal?.addEventListener("abort", outOfTime);
  let progress: Progress = {};
  let unsaved: Progress = {};
  const beat = setInterval(async () => {
    const sent = unsaved;
    unsaved = {};
    const state = await extendLease(database, taken, sent).catch(() => {
      unsaved = { ...sent, ...unsaved }; // the lease lasts a while yet
      return undefined;
    });
    if (state === "lost" || state === "cancelled") ended.abort(new Ended(state));
  }, HEARTBEAT_MS);
  const finish = (end: End) =>
    finishJob(database, taken, { counts: progress.counts ?? taken.counts, result: null, ...end });
  try {
    const result = await stoppedInTime(ended.signal, () =>
      run(services, kinds, taken, {
        signal: ended.signal,
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
    const { reason } = ended.signal;
    const why = reason instanceof Ended ? reason.why : undefined;
    if (why === "lost") return "elsewhere"; // another worker ends it
    if (why === "out of time") {
      await releaseJob(database, taken, progress);
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

async function run(
  services: Services,
  kinds: JobKinds,
  { address, kind, request, counts, result }: TakenJob,
  worker: Pick<JobWork, "signal" | "report">,
): Promise<JsonObject> {
  const runner = kinds[kind];
  if (!runner) throw new AppError("invalid_input", `This service has no jobs of the kind ${kind}.`);
  return runner(services, { ...address, request: request ?? {}, counts, partial: result ?? {}, ...worker });
}

/** The outcome of the work, or the reason of the signal where the work does not stop soon after it. */
async function stoppedInTime<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  const over = new AbortController();
  const overdue = new Promise<never>((_, reject) => {
    const stop = () =>
      sleep(STOP_TIMEOUT_MS, undefined, { signal: over.signal }).then(
        () => reject(signal.reason),
        () => {}, // the work has stopped
      );
    if (signal.aborted) void stop();
    else signal.addEventListener("abort", () => void stop(), { once: true, signal: over.signal });
  });
  try {
    return await Promise.race([work(), overdue]);
  } finally {
    over.abort();
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
