import { and, eq, sql } from "drizzle-orm";
import type { Database } from "../database/database.ts";
import { decodeJson, type JsonObject } from "../database/json.ts";
import { exact, jobs } from "../database/schema.ts";
import { asOwner } from "../database/transaction.ts";
import { hasAddress, type JobAddress } from "./job.ts";

/** What the workers of a job have reported so far, besides its counts. Empty: nothing, or the job has ended. */
export function getPartialResult(database: Database, address: JobAddress): Promise<JsonObject> {
  return asOwner(database, address.tenantId, async ({ orm }) => {
    const [job] = await orm
      .select({ partial: sql<JsonObject | null>`${exact(jobs.result)}`.mapWith(decodeJson) })
      .from(jobs)
      .where(and(hasAddress(address), eq(jobs.status, "in_progress")));
    return job?.partial ?? {};
  });
}
