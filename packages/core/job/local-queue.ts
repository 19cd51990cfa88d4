import type { Services } from "../services.ts";
import type { JobAddress } from "./job.ts";
import { type LeasedJob, leaseJob } from "./lease.ts";
import { type JobKinds, runLeasedJob } from "./run.ts";
import { listWaitingJobs, type WaitingJob } from "./waiting.ts";

/** Delivers jobs to a worker. */
export interface JobQueue {
  send(job: JobAddress): Promise<void>;
}

export interface LocalQueue extends JobQueue {
  /** Starts polling for jobs that other processes left. A killed worker's job is found when its lease expires. */
  resume(): Promise<void>;
  /** Starts no more jobs, and releases the running ones with their progress. */
  close(): Promise<void>;
}

export interface LocalQueueOptions {
  /** Maximum number of jobs at once. Default 3. */
  readonly concurrency?: number;
  /** Maximum number of jobs of one tenant at once, so that no tenant takes all workers. Default: `concurrency` - 1, at least 1. */
  readonly perTenant?: number;
  /** Milliseconds between two polls for waiting jobs, with a jitter of ±50 %. Default 5,000. */
  readonly interval?: number;
  /** Receives the errors of jobs that could not be read or updated. */
  readonly onError?: (error: unknown) => void;
}

interface RunningJob {
  readonly leased: LeasedJob;
  readonly hasLostWorker: boolean;
  readonly work: Promise<void>;
}

/**
 * A queue that runs jobs in this process, up to `concurrency` at once: jobs sent to it, and jobs that any process left.
 * Tenants take turns. Of the jobs that have lost a worker, only one runs at a time: if it kills its process, no other
 * such job loses an attempt.
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
  const running = new Set<RunningJob>();
  const closed = new AbortController();
  let isPolling = false;
  let timer: NodeJS.Timeout | undefined;
  let currentPoll: Promise<void> | undefined;
  let isPollRequested = false;

  /** Starts jobs while there are any and a worker is free. Concurrent calls share one poll, and one more after it. */
  function poll(): Promise<void> {
    isPollRequested = true;
    currentPoll ??= startJobs().finally(() => {
      currentPoll = undefined;
    });
    return currentPoll;
  }

  async function startJobs(): Promise<void> {
    clearTimeout(timer);
    let hasFailed = false;
    try {
      while (isPollRequested && !closed.signal.aborted) {
        isPollRequested = false;
        while (running.size < concurrency && !closed.signal.aborted && (await startNext()));
      }
    } catch (error) {
      hasFailed = true;
      onError(error);
    }
    if ((isPolling || hasFailed) && !closed.signal.aborted)
      timer = setTimeout(poll, interval * (0.5 + Math.random())).unref();
  }

  async function startNext(): Promise<boolean> {
    const owners = [...running].map(({ leased }) => leased.address.tenantId);
    const atLimit = owners.filter((owner) => owners.filter((other) => other === owner).length >= perTenant);
    const hasRiskyJob = [...running].some(({ hasLostWorker }) => hasLostWorker);
    const waiting = await listWaitingJobs(database, {
      kinds: Object.keys(kinds),
      excludedOwners: [...new Set(atLimit)],
      maxAttempts: hasRiskyJob ? 0 : undefined,
    });
    for (const job of waiting) {
      if (closed.signal.aborted) return false;
      const leased = await leaseJob(database, job); // undefined: another process was faster, or the job has failed
      if (leased) {
        start(job, leased);
        return true;
      }
    }
    return false;
  }

  function start({ attempts }: WaitingJob, leased: LeasedJob): void {
    const job: RunningJob = {
      leased,
      hasLostWorker: attempts > 0,
      work: runLeasedJob(services, kinds, leased, { signal: closed.signal })
        .then(() => {}, onError)
        .finally(() => {
          running.delete(job);
          if (!closed.signal.aborted) void poll();
        }),
    };
    running.add(job);
  }

  return {
    async send() {
      if (!closed.signal.aborted) void poll();
    },
    async resume() {
      isPolling = true;
      await poll();
    },
    async close() {
      closed.abort();
      clearTimeout(timer);
      await currentPoll;
      await Promise.all([...running].map(({ work }) => work));
    },
  };
}
