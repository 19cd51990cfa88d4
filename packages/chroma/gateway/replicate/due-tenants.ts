import type { Database } from "@cairn/core/database/database.ts";
import { asAdmin } from "@cairn/core/database/transaction.ts";
import { sql } from "drizzle-orm";

/** Tenants that are looked for at once. */
const MAX_TENANTS = 100;

/** Tenants with changes that can be replicated now, with a barrier that nobody lowered, or whose records were last compared `compareMs` milliseconds ago. */
export async function listDueTenants(database: Database, compareMs: number): Promise<readonly string[]> {
  const rows = await asAdmin(database, ({ orm }) =>
    orm.selectRows<{ tenant_id: string }>(sql`
      SELECT c.tenant_id FROM cairn.cutover_tenants AS c
      WHERE c.phase IN ('mirror', 'shadow', 'cairn')
        AND NOT EXISTS (SELECT FROM cairn.cutover_leases AS l WHERE l.tenant_id = c.tenant_id AND l.leased_until > now())
        AND (c.compared IS NULL OR c.barrier_until <= now()
          OR (c.compared->>'finishedAt')::timestamptz < now() - ${compareMs}::float8 * interval '1 millisecond'
          OR c.tenant_id IN (SELECT tenant_id FROM cairn.changes
                             WHERE coalesce(in_flight_until, now()) <= now() AND coalesce(retry_at, now()) <= now()))
      LIMIT ${MAX_TENANTS}`),
  );
  return rows.map(({ tenant_id: tenantId }) => tenantId);
}
