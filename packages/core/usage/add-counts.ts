import { sql } from "drizzle-orm";
import type { Database } from "../database/database.ts";
import { asAdmin } from "../database/transaction.ts";
import type { UsageEvent } from "./kinds.ts";

/** What a tenant used on one day. */
export interface DayCount extends Required<Omit<UsageEvent, "n">> {
  /** `2026-11-30`, UTC. */
  readonly day: string;
  n: number;
}

/**
 * Adds counts to those of other processes, in the order of their keys, so that two processes do not wait for each other. Counts of
 * deleted tenants are left out.
 */
export async function addCounts(database: Database, counts: readonly DayCount[]): Promise<void> {
  await asAdmin(database, ({ orm }) =>
    orm.execute(sql`
      INSERT INTO cairn.usage_days AS stored (tenant_id, day, kind, model, n)
      SELECT r.tenant_id, r.day, r.kind, r.model, r.n
      FROM unnest(
        ${sql.param(counts.map(({ tenantId }) => tenantId))}::uuid[],
        ${sql.param(counts.map(({ day }) => day))}::date[],
        ${sql.param(counts.map(({ kind }) => kind))}::text[],
        ${sql.param(counts.map(({ model }) => model))}::text[],
        ${sql.param(counts.map(({ n }) => Math.round(n)))}::bigint[]
      ) AS r (tenant_id, day, kind, model, n)
      WHERE EXISTS (SELECT FROM cairn.tenants AS t WHERE t.id = r.tenant_id)
      ORDER BY r.tenant_id, r.day, r.kind, r.model
      ON CONFLICT (tenant_id, day, kind, model) DO UPDATE SET n = stored.n + excluded.n`),
  );
}
