import { type SQL, sql } from "drizzle-orm";
import type { Database } from "../database/database.ts";
import { asAdmin, asTenant } from "../database/transaction.ts";
import { deleteExpiredKeys } from "../idempotency/idempotency.ts";
import { listTenants } from "../tenant/tenant.ts";
import { USAGE_DAYS } from "../usage/read.ts";

/** Days that a job is kept after its end. */
const JOB_DAYS = 30;

/** Days that a cached vector is kept after its last use. */
const CACHE_DAYS = 30;

/** Days that results of evaluations are kept. */
const EVALUATION_DAYS = 400;

/** Days that counts of requests, resolved findings and disagreements of a cut-over are kept. */
const CUTOVER_DAYS = 90;

/**
 * Deletes expired rows: stored responses, ended jobs, cached vectors, usage, results of evaluations and cut-overs, and exceptions of migrations whose tenant is
 * deleted. It runs on a schedule, can be repeated, and can run in several processes at once: rows that another process is
 * deleting are skipped. docs/security.md lists the retention times.
 */
export async function deleteExpired(database: Database): Promise<void> {
  const endedJobs = sql`
    DELETE FROM cairn.jobs WHERE id IN (
      SELECT id FROM cairn.jobs WHERE ${isOlder(sql`finished_at`, JOB_DAYS)} FOR UPDATE SKIP LOCKED)`;
  await asAdmin(database, async ({ orm }) => {
    await orm.execute(endedJobs);
    await orm.execute(EXCEPTIONS_OF_DELETED_TENANTS);
    await orm.execute(sql`DELETE FROM cairn.usage_days WHERE day < current_date - ${USAGE_DAYS}::int`);
    await orm.execute(sql`DELETE FROM cairn.cutover_requests WHERE ${isOlder(sql`minute`, CUTOVER_DAYS)}`);
    await orm.execute(sql`DELETE FROM cairn.cutover_disagreements WHERE ${isOlder(sql`at`, CUTOVER_DAYS)}`);
    await orm.execute(sql`DELETE FROM cairn.cutover_findings WHERE ${isOlder(sql`resolved_at`, CUTOVER_DAYS)}`);
  });
  for (const { id } of await listTenants(database)) {
    await deleteExpiredKeys(database, id);
    await asTenant(database, id, async ({ orm }) => {
      await orm.execute(endedJobs);
      await orm.execute(sql`
        DELETE FROM cairn.embedding_usage WHERE tenant_id = ${id}::uuid AND day IN (
          SELECT day FROM cairn.embedding_usage
          WHERE tenant_id = ${id}::uuid AND day < current_date - ${USAGE_DAYS}::int FOR UPDATE SKIP LOCKED)`);
      await orm.execute(sql`
        DELETE FROM cairn.evaluation_runs WHERE tenant_id = ${id}::uuid AND id IN (
          SELECT id FROM cairn.evaluation_runs
          WHERE tenant_id = ${id}::uuid AND ${isOlder(sql`created_at`, EVALUATION_DAYS)} FOR UPDATE SKIP LOCKED)`);
      await orm.execute(sql`
        DELETE FROM cairn.embedding_cache AS c USING (
          SELECT model, dimensions, content_hash FROM cairn.embedding_cache
          WHERE tenant_id = ${id}::uuid AND ${isOlder(sql`used_at`, CACHE_DAYS)} FOR UPDATE SKIP LOCKED) AS old
        WHERE c.tenant_id = ${id}::uuid AND c.model = old.model AND c.dimensions = old.dimensions
          AND c.content_hash = old.content_hash`);
    });
  }
}

/** A migration's exceptions contain document ids; the rest of the ledger does not. */
const EXCEPTIONS_OF_DELETED_TENANTS = sql`
  DELETE FROM cairn.migration_exceptions WHERE (run_id, source_id) IN (
    SELECT run_id, source_id FROM cairn.migration_collections AS c
    WHERE NOT EXISTS (SELECT FROM cairn.tenants AS t WHERE t.id = c.tenant_id))`;

function isOlder(time: SQL, days: number): SQL {
  return sql`${time} < now() - ${days}::int * interval '1 day'`;
}
