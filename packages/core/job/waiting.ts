import { sql } from "drizzle-orm";
import type { Database } from "../database/database.ts";
import { asAdmin } from "../database/transaction.ts";
import type { JobAddress } from "./job.ts";

export interface WaitingJob extends JobAddress {
  /** Workers that leased it and never released it. */
  readonly attempts: number;
}

export interface WaitingOptions {
  /** Job kinds that the caller can run. Default: all. */
  readonly kinds?: readonly string[];
  /** Owners whose jobs are excluded; null is the operator. Default: none. */
  readonly excludedOwners?: readonly (string | null)[];
  /** Excludes jobs that lost more workers than this. Default: none. */
  readonly maxAttempts?: number;
  /** Minimum milliseconds since the last heartbeat. Default 0. */
  readonly idle?: number;
  /** Maximum number of jobs. Default 10. */
  readonly limit?: number;
}

/** Represents the operator, whose jobs have no tenant. */
const OPERATOR = "00000000-0000-0000-0000-000000000000";

/**
 * Jobs of all tenants that no worker has leased. Jobs of the tenant with the fewest running jobs come first, then those
 * of the tenant that was served longest ago. One statement, whatever the number of tenants.
 */
export function listWaitingJobs(
  database: Database,
  { kinds, excludedOwners = [], maxAttempts = 1_000_000, idle = 0, limit = 10 }: WaitingOptions = {},
): Promise<readonly WaitingJob[]> {
  return asAdmin(database, async ({ orm }) => {
    const rows = await orm.selectRows<{ tenant_id: string | null; id: string; attempts: number }>(sql`
            SELECT tenant_id, id, attempts FROM cairn.waiting_jobs(
            ${kinds ? sql`${sql.param([...kinds])}::text[]` : sql`NULL`},
            ${sql.param(excludedOwners.map((owner) => owner ?? OPERATOR))}::uuid[],
            ${maxAttempts}::int, ${idle / 1000}::float8, ${limit}::int)`);
    return rows.map(({ tenant_id: tenantId, id, attempts }) => ({ tenantId, id, attempts }));
  });
}
