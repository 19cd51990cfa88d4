import { type SQL, sql } from "drizzle-orm";
import type { Database } from "../database/database.ts";
import { asAdmin, asTenant } from "../database/transaction.ts";
import { forgetOldKeys } from "../idempotency/idempotency.ts";
import { listTenants } from "../tenant/tenant.ts";

/** Days that a job can be looked up after its end. */
const JOBS = 30;

/** Days that spent tokens can be looked up. */
const USAGE = 400;

/** Days that a cached vector is kept after its text was embedded last. */
const CACHE = 30;

/**
 * Removes what has had its time: kept answers, ended jobs, cached vectors, counts of tokens. For a schedule; safe to repeat,
 * and in several processes at once, as rows that another one is about to remove are passed over. docs/security.md states
 * these times.
 */
export async function sweep(database: Database): Promise<void> {
  const endedJobs = sql`
    DELETE FROM cairn.jobs WHERE id IN (
      SELECT id FROM cairn.jobs WHERE ${isOlder(sql`finished_at`, JOBS)} FOR UPDATE SKIP LOCKED)`;
  await asAdmin(database, ({ orm }) => orm.execute(endedJobs));
  for (const { id } of await listTenants(database)) {
    await forgetOldKeys(database, id);
    await asTenant(database, id, async ({ orm }) => {
      await orm.execute(endedJobs);
      await orm.execute(sql`
        DELETE FROM cairn.embedding_usage WHERE (tenant_id, day) IN (
          SELECT tenant_id, day FROM cairn.embedding_usage
          WHERE tenant_id = ${id}::uuid AND day < current_date - ${USAGE}::int FOR UPDATE SKIP LOCKED)`);
      await orm.execute(sql`
        DELETE FROM cairn.embedding_cache WHERE (tenant_id, model, dimensions, content_hash) IN (
          SELECT tenant_id, model, dimensions, content_hash FROM cairn.embedding_cache
          WHERE tenant_id = ${id}::uuid AND ${isOlder(sql`used_at`, CACHE)} FOR UPDATE SKIP LOCKED)`);
    });
  }
}

function isOlder(time: SQL, days: number): SQL {
  return sql`${time} < now() - ${days}::int * interval '1 day'`;
}
