import { type SQL, sql } from "drizzle-orm";
import type { Database } from "../database/database.ts";
import { asAdmin, asTenant } from "../database/transaction.ts";
import { deleteExpiredKeys } from "../idempotency/idempotency.ts";
import { listTenants } from "../tenant/tenant.ts";

/** Days that a job can be looked up after its end. */
const JOBS = 30;

/** Days that spent tokens can be looked up. */
const USAGE = 400;

/** Days that a cached vector is kept after its text was embedded last. */
const CACHE = 30;

/**
 * Removes what has expired: kept answers, ended jobs, cached vectors, counts of tokens, exceptions of migrations whose
 * tenant is deleted. For a schedule; safe to repeat,
 * and in several processes at once, as rows that another one is about to remove are passed over. docs/security.md states
 * these times.
 */
export async function sweep(database: Database): Promise<void> {
  const endedJobs = sql`
    DELETE FROM cairn.jobs WHERE id IN (
      SELECT id FROM cairn.jobs WHERE ${isOlder(sql`finished_at`, JOBS)} FOR UPDATE SKIP LOCKED)`;
  await asAdmin(database, async ({ orm }) => {
    await orm.execute(endedJobs);
    await orm.execute(EXCEPTIONS_OF_DELETED_TENANTS);
  });
  for (const { id } of await listTenants(database)) {
    await deleteExpiredKeys(database, id);
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

/** A migration's exceptions name documents by their ids; the rest of the ledger does not. */
const EXCEPTIONS_OF_DELETED_TENANTS = sql`
  DELETE FROM cairn.migration_exceptions AS e USING cairn.migration_collections AS c
  WHERE c.run_id = e.run_id AND c.source_id = e.source_id
    AND NOT EXISTS (SELECT FROM cairn.tenants AS t WHERE t.id = c.tenant_id)`;

function isOlder(time: SQL, days: number): SQL {
  return sql`${time} < now() - ${days}::int * interval '1 day'`;
}
