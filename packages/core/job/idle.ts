import { and, eq, sql } from "drizzle-orm";
import type { Database } from "../database/database.ts";
import { jobs } from "../database/schema.ts";
import { listTenants } from "../tenant/tenant.ts";
import { asJobOwner, type JobAddress, ownedBy, UNHELD } from "./job.ts";

/**
 * The jobs that nobody works on and that have shown no sign of life for `idle` milliseconds: their message was lost, or
 * never sent. To be found is such a sign.
 */
export async function takeIdleJobs(database: Database, idle: number): Promise<readonly JobAddress[]> {
  const found: JobAddress[] = [];
  const tenants = await listTenants(database);
  for (const tenantId of [null, ...tenants.map(({ id }) => id)])
    found.push(
      ...(await asJobOwner(database, tenantId, ({ orm }) =>
        orm
          .update(jobs)
          .set({ updatedAt: sql`now()` })
          .where(
            and(
              ownedBy(tenantId),
              eq(jobs.status, "in_progress"),
              UNHELD,
              sql`${jobs.updatedAt} <= now() - ${idle}::float8 * interval '1 millisecond'`,
            ),
          )
          .returning({ tenantId: jobs.tenantId, id: jobs.id }),
      )),
    );
  return found;
}
