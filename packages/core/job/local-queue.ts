import type { Services } from "../services.ts";
import type { JobAddress } from "./job.ts";
import { type TakenJob, takeJob } from "./lease.ts";
import { type JobKinds, runTakenJob } from "./run.ts";
import { listWaitingJobs, type WaitingJob } from "./waiting.ts";

/** Brings jobs to whoever runs them. */
export interface JobQueue {
  send(job: JobAddress): Promise<void>;
}

export interface LocalQueue extends JobQueue {
  /** Takes up what other processes left, now and from now on: a job of a killed worker is found when its lease is over. */
  resume(): Promise<void>;
  /** Takes no more jobs, and hands over those that run with their progress. */
  close(): Promise<void>;
}

export interface LocalQueueOptions {
  /** Jobs at once. Default 3. */
  readonly concurrency?: number;
  /** Jobs of one tenant at once, so that no tenant has all workers. Default: one less than `concurrency`, at least 1. */
  readonly perTenant?: number;
  /** Milliseconds between two looks for waiting jobs, give or take half of it. Default 5,000. */
  readonly interval?: number;
  /** Told where a job could not be reached. */
  readonly onError?: (error: unknown) => void;
}

interface Running {
  readonly taken: TakenJob;
  /** It has lost a worker before. */
  readonly suspect: boolean;
  readonly work: Promise<void>;
}

/**
 * Runs jobs in this process, a few at once: those sent to it, and those that any process left, tenant by tenant in turn.
 * Of the jobs that have lost a worker before one runs at a time, so that one that kills its process does not count
 * against the others.
 */
export function createLocalQueue(
  services: Services,
  kinds: JobKinds,
  {
    concurrency = 3,
    perTenant = Math.max(1, concurrency - 1),
    interval = 5_000,
    onError = () => {},
  }: LocalQueueOptions = {},
): LocalQueue {
  const { database } = services;
  const running = new Set<Running>();
  const closed = new AbortController();
  let repeats = false;
  let timer: NodeJS.Timeout | undefined;
  let looking: Promise<void> | undefined;
  let lookAgain = false;

  /** Starts jobs while there are any and a worker is free. Calls at once share one look, and one more after it. */
  function look(): Promise<void> {
    lookAgain = true;
    looking ??= fill().finally(() => {
      looking = undefined;
    });
    return looking;
  }

  async function fill(): Promise<void> {
    clearTimeout(timer);
    let failed = false;
    try {
      while (lookAgain && !closed.signal.aborted) {
        lookAgain = false;
        while (running.size < concurrency && !closed.signal.aborted && (await startNext()));
      }
    } catch (error) {
      failed = true;
      onError(error);
    }
    if ((repeats || failed) && !closed.signal.aborted)
      timer = setTimeout(look, interval * (0.5 + Math.random())).unref();
  }

  async function startNext(): Promise<boolean> {
    const owners = [...running].map(({ taken }) => taken.address.tenantId);
    const full = owners.filter((owner) => owners.filter((other) => other === owner).length >= perTenant);
    const hasSuspect = [...running].some(({ suspect }) => suspect);
    const waiting = await listWaitingJobs(database, {
      kinds: Object.keys(kinds),
      full: [...new Set(full)],
      maxAttempts: hasSuspect ? 0 : undefined,
    });
    for (const job of waiting) {
      if (closed.signal.aborted) return false;
      const taken = await takeJob(database, job); // undefined: another process was quicker, or it has failed
      if (taken) {
        start(job, taken);
        return true;
      }
    }
    return false;
  }

  function start({ attempts }: WaitingJob, taken: TakenJob): void {
    const job: Running = {
      taken,
      suspect: attempts > 0,
      work: runTakenJob(services, kinds, taken, { signal: closed.signal })
        .then(() => {}, onError)
        .finally(() => {
          running.delete(job);
          if (!closed.signal.aborted) void look();
        }),
    };
    running.add(job);
  }

  return {
    async send() {
      if (!closed.signal.aborted) void look();
    },
    async resume() {
      repeats = true;
      await look();
    },
    async close() {
      closed.abort();
      clearTimeout(timer);
      await looking;
      await Promise.all([...running].map(({ work }) => work));
    },
  };
}
