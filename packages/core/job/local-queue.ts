import type { Services } from "../services.ts";
import { takeIdleJobs } from "./idle.ts";
import type { JobAddress } from "./job.ts";
import { type JobKinds, runJob } from "./run.ts";

/** Brings jobs to whoever runs them. */
export interface JobQueue {
  send(job: JobAddress): Promise<void>;
}

export interface LocalQueue extends JobQueue {
  /** Takes up what an earlier process left. */
  resume(): Promise<void>;
  /** Takes no more jobs, and waits for those that run. */
  close(): Promise<void>;
}

/** Runs jobs in this process, a few at once, in the order they were sent. */
export function createLocalQueue(
  services: Services,
  kinds: JobKinds,
  { concurrency = 2, onError = () => {} }: LocalQueueOptions = {},
): LocalQueue {
  const waiting: JobAddress[] = [];
  const running = new Set<Promise<void>>();
  let closed = false;
  function next(): void {
    while (running.size < concurrency && !closed) {
      const address = waiting.shift();
      if (!address) return;
      const work = runJob(services, kinds, address)
        .then(() => {}, onError)
        .finally(() => {
          running.delete(work);
          next();
        });
      running.add(work);
    }
  }
  return {
    async send(job) {
      waiting.push(job);
      next();
    },
    async resume() {
      waiting.push(...(await takeIdleJobs(services.database, 0)));
      next();
    },
    async close() {
      closed = true;
      await Promise.all(running);
    },
  };
}

export interface LocalQueueOptions {
  /** Jobs at once. Default 2. */
  readonly concurrency?: number;
  /** Told where a job could not be reached. */
  readonly onError?: (error: unknown) => void;
}
