import { sql } from "drizzle-orm";
import type { Database } from "../database/database.ts";
import { asAdmin, uuidLiteral } from "../database/transaction.ts";
import { listTenants } from "../tenant/tenant.ts";
import { measureTenant } from "./measure.ts";
import type { Stored } from "./quota.ts";

/** Hours between two measurements of a tenant. */
const INTERVAL_HOURS = 20;

export interface MeasureOptions {
  readonly signal?: AbortSignal;
  /** Called if a tenant cannot be measured. The others are measured. */
  readonly onError?: (error: unknown) => void;
}

/**
 * Measures what each tenant stores, at most once in 20 hours, one tenant after the other, and records it as the usage of the
 * day. It also corrects the counters of tenants with a quota. It can be interrupted and run in several processes at once.
 */
export async function measureTenants(database: Database, { signal, onError }: MeasureOptions = {}): Promise<void> {
  const measured = await asAdmin(database, ({ orm }) =>
    orm.selectRows<{ id: string }>(sql`
      SELECT DISTINCT tenant_id AS id FROM cairn.usage_days
      WHERE kind = 'stored_rows' AND measured_at > now() - ${INTERVAL_HOURS}::int * interval '1 hour'`),
  );
  const isRecent = new Set(measured.map(({ id }) => id));
  for (const { id } of await listTenants(database)) {
    if (signal?.aborted) return;
    if (isRecent.has(id)) continue;
    try {
      await recordStored(database, id, await measureTenant(database, id));
    } catch (error) {
      if (!onError) throw error;
      onError(error);
    }
  }
}

/** Records a measurement as today's. The last one of a day counts. A tenant that was deleted meanwhile has none. */
async function recordStored(database: Database, tenantId: string, { rows, bytes }: Stored): Promise<void> {
  await asAdmin(database, ({ orm }) =>
    orm.execute(sql`
      INSERT INTO cairn.usage_days (tenant_id, day, kind, n, measured_at)
      SELECT t.id, (now() AT TIME ZONE 'UTC')::date, v.kind, v.n, now()
      FROM cairn.tenants AS t, (VALUES ('stored_rows', ${rows}::bigint), ('stored_bytes', ${bytes}::bigint)) AS v (kind, n)
      WHERE t.id = ${uuidLiteral(tenantId)}
      ON CONFLICT (tenant_id, day, kind, model) DO UPDATE SET n = excluded.n, measured_at = now()`),
  );
}
