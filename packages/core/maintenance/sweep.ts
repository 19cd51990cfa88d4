import { sql } from "drizzle-orm";
import type { Database } from "../database/database.ts";
import { asAdmin, asTenant } from "../database/transaction.ts";
import { forgetOldKeys } from "../idempotency/idempotency.ts";
import { listTenants } from "../tenant/tenant.ts";

/** Days that a job can be looked up after its end. */
const JOBS = 30;

/** Days that spent tokens can be looked up. */
const USAGE = 400;

/** Removes what has had its time: kept answers, ended jobs, counts of tokens. For a schedule; safe to repeat. */
export async function sweep(database: Database): Promise<void> {
  const ended = sql`DELETE FROM cairn.jobs WHERE finished_at < now() - ${JOBS}::int * interval '1 day'`;
  await asAdmin(database, ({ orm }) => orm.execute(ended));
  for (const { id } of await listTenants(database)) {
    await forgetOldKeys(database, id);
    await asTenant(database, id, async ({ orm }) => {
      await orm.execute(ended);
      await orm.execute(sql`DELETE FROM cairn.embedding_usage WHERE day < current_date - ${USAGE}::int`);
    });
  }
}
