import type { Database } from "../database/database.ts";
import { withTimeLimit } from "../database/time-limit.ts";
import { AppError, type ErrorCode } from "../error.ts";
import { getJobs, type Job, type JobAddress } from "./job.ts";

export interface WatchOptions {
  /** Milliseconds between two looks at the jobs of one owner. Default 500. */
  readonly interval?: number;
  /** Watchers of one owner in this process. Default 100. */
  readonly perOwner?: number;
  /** Bytes of a job's result; a larger one is omitted. Default `MAX_RESPONSE_BYTES`. */
  readonly maxBytes?: number;
}

export interface Watcher {
  /** The job as it was seen last; undefined where it has not been seen since it is watched. Throws `not_found`. */
  look(): Promise<Job | undefined>;
  stop(): void;
}

export interface JobWatch {
  /** Watches a job. Throws `too_many_watchers`. */
  watch(database: Database, job: JobAddress): Watcher;
}

interface Owner {
  readonly watchers: Map<Watcher, string>;
  lookedAt: number;
  /** By id; null: it was looked for and is gone. */
  seen: ReadonlyMap<string, Job | null>;
}

/** Milliseconds that one look may take. */
const LOOK_TIMEOUT_MS = 10_000;

/** What the next look may find well. */
const TRANSIENT: ReadonlySet<ErrorCode> = new Set([
  "database_unavailable",
  "database_timeout",
  "database_busy",
]);

/**
 * Watches jobs. All watchers of one owner share one look at the database an interval, whatever their number, and nothing
 * is asked where there are none. Nobody waits for another's look: in some runtimes it ends with its request.
 */
export function createJobWatch({ interval = 500, perOwner = 100, maxBytes }: WatchOptions = {}): JobWatch {
  const owners = new Map<string | null, Owner>();
  return {
    watch(database, { tenantId, id }) {
      const owner = owners.get(tenantId) ?? { watchers: new Map(), lookedAt: 0, seen: new Map() };
      if (owner.watchers.size >= perOwner) throw tooMany(perOwner);
      owners.set(tenantId, owner);
      const watcher: Watcher = {
        async look() {
          const now = performance.now();
          if (now - owner.lookedAt >= interval * 0.8) {
            owner.lookedAt = now;
            await lookFor(withTimeLimit(database, LOOK_TIMEOUT_MS), tenantId, { owner, maxBytes });
          }
          const job = owner.seen.get(id);
          if (job === null)
            throw new AppError("not_found", `There is no job ${JSON.stringify(id)} any more.`);
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

async function lookFor(
  database: Database,
  tenantId: string | null,
  { owner, maxBytes }: { readonly owner: Owner } & Pick<WatchOptions, "maxBytes">,
): Promise<void> {
  const ids = [...new Set(owner.watchers.values())];
  try {
    const found = await getJobs(database, tenantId, ids, { maxBytes });
    owner.seen = new Map(ids.map((id) => [id, found.get(id) ?? null]));
  } catch (error) {
    if (!(error instanceof AppError && TRANSIENT.has(error.code))) throw error;
  }
}

function tooMany(most: number): AppError {
  return new AppError(
    "too_many_watchers",
    `The job cannot be watched: ${most} streams of events are open already, the most that this service has for one tenant. ` +
      "Close some, or ask for the job itself: GET /v1/jobs/{id}.",
    { retryAfter: 5 },
  );
}
