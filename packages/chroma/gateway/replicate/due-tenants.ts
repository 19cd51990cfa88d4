import type { Database } from "@cairn/core/database/database.ts";
import { asAdmin } from "@cairn/core/database/transaction.ts";
import { sql } from "drizzle-orm";

/** Tenants that are looked for at once. */
const MAX_TENANTS = 100;

/** When the records of a tenant are compared again. */
export interface ComparisonTimes {
  /** Milliseconds after a comparison. */
  readonly compareMs: number;
  /** Milliseconds after the phase `mirror` began, when every write has ended that was sent before. What was compared earlier proves nothing. */
  readonly settleMs: number;
}

/** Tenants with changes that can be replicated now, with a barrier that nobody lowered, or whose records are to be compared. */
export async function listDueTenants(
  database: Database,
  { compareMs, settleMs }: ComparisonTimes,
): Promise<readonly string[]> {
  const settledAt = sql`c.since + ${settleMs}::float8 * interval '1 millisecond'`;
  const rows = await asAdmin(
    database,
    ({ orm }) =>
      orm.selectRows<{ tenant_id: string }>(sql`
      SELECT c.tenant_id FROM cairn.cutover_tenants AS c
      WHERE c.phase IN ('mirror', 'shadow', 'cairn')
        AND NOT EXISTS (SELECT FROM cairn.cutover_leases AS l WHERE l.tenant_id = c.tenant_id AND l.leased_until > now())
        AND (c.compared IS NULL OR c.barrier_until <= now()
          OR (c.compared->>'finishedAt')::timestamptz < now() - ${compareMs}::float8 * interval '1 millisecond'
          OR c.phase = 'mirror' AND now() >= ${settledAt} AND (c.compared->>'startedAt')::timestamptz < ${settledAt}
          OR c.tenant_id IN (SELECT tenant_id FROM cairn.changes
                             WHERE coalesce(in_flight_until, now()) <= now() AND coalesce(retry_at, now()) <= now()))
      ORDER BY random() LIMIT ${MAX_TENANTS}`), // each has its turn if there are more
  );
  return rows.map(({ tenant_id: tenantId }) => tenantId);
}
