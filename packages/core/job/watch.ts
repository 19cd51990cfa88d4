import type { Database } from "../database/database.ts";
import { withTimeLimit } from "../database/time-limit.ts";
import { AppError, isTransient } from "../error.ts";
import { getJobs, type Job, type JobAddress } from "./job.ts";

export interface WatchOptions {
  /** Milliseconds between two polls for the jobs of one owner. Default 500. */
  readonly interval?: number;
  /** Maximum number of watchers of one owner in this process. Default 100. */
  readonly perOwner?: number;
  /** Maximum bytes of a job's result; a larger one is omitted. Default `MAX_RESPONSE_BYTES`. */
  readonly maxBytes?: number;
}

export interface Watcher {
  /** The latest state of the job; undefined before the first successful poll. Throws `not_found`. */
  poll(): Promise<Job | undefined>;
  stop(): void;
}

export interface JobWatch {
  /** Watches a job. Throws `too_many_watchers`. */
  watch(database: Database, job: JobAddress): Watcher;
}

interface Owner {
  readonly watchers: Map<Watcher, string>;
  polledAt: number;
  /** Latest states by job id; null: the job no longer exists. */
  jobs: ReadonlyMap<string, Job | null>;
}

/** Milliseconds that one poll may take. */
const POLL_TIMEOUT_MS = 10_000;

/**
 * Watches jobs. All watchers of one owner share one poll of the database per interval, whatever their number. Without
 * watchers there is no poll. No watcher waits for another watcher's poll: in some runtimes a poll ends with its request.
 */
export function createJobWatch({ interval = 500, perOwner = 100, maxBytes }: WatchOptions = {}): JobWatch {
  const owners = new Map<string | null, Owner>();
  return {
    watch(database, { tenantId, id }) {
      const owner = owners.get(tenantId) ?? { watchers: new Map(), polledAt: 0, jobs: new Map() };
      if (owner.watchers.size >= perOwner) throw tooManyWatchers(perOwner);
      owners.set(tenantId, owner);
      const watcher: Watcher = {
        async poll() {
          const now = performance.now();
          if (now - owner.polledAt >= interval * 0.8) {
            owner.polledAt = now;
            await refresh(withTimeLimit(database, POLL_TIMEOUT_MS), tenantId, { owner, maxBytes });
          }
          const job = owner.jobs.get(id);
          if (job === null) throw new AppError("not_found", `The job ${JSON.stringify(id)} no longer exists.`);
          return job;
        },
        stop() {
          owner.watchers.delete(watcher);
          if (owner.watchers.size === 0 && owners.get(tenantId) === owner) owners.delete(tenantId);
        },
      };
      owner.watchers.set(watcher, id);
      return watcher;
    },
  };
}

async function refresh(
  database: Database,
  tenantId: string | null,
  { owner, maxBytes }: { readonly owner: Owner } & Pick<WatchOptions, "maxBytes">,
): Promise<void> {
  const ids = [...new Set(owner.watchers.values())];
  try {
    const found = await getJobs(database, tenantId, ids, { maxBytes });
    owner.jobs = new Map(ids.map((id) => [id, found.get(id) ?? null]));
  } catch (error) {
    if (!isTransient(error)) throw error;
  }
}

function tooManyWatchers(limit: number): AppError {
  return new AppError(
    "too_many_watchers",
    `The job cannot be watched: the tenant already has ${limit} open event streams, the maximum for a tenant. ` +
      "Close some, or poll the job instead: GET /v1/jobs/{id}.",
    { retryAfter: 5 },
  );
}
