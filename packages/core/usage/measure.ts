import { type SQL, sql } from "drizzle-orm";
import { type Collection, inCollection } from "../collection/collection.ts";
import type { Database, Orm } from "../database/database.ts";
import { asTenant, uuidLiteral } from "../database/transaction.ts";
import { isCounted, NOTHING, ROW_BYTES, type StorageQuota, type Stored } from "./quota.ts";

/** Rows up to which every row's size is read. The size of more rows is estimated from a sample. */
const MAX_EXACT_ROWS = 100_000;

/** Rows of the sample, which is of whole pages. */
const SAMPLE_ROWS = 20_000;

/**
 * Counts a tenant's rows, and adds up their sizes. Of more than 100,000 rows, the sizes are estimated from about 20,000 (whole
 * pages at random).
 */
export async function measureRows(orm: Orm, tenantId: string): Promise<Stored> {
  const [counted] = await orm.selectRows<{ rows: number }>(
    sql`SELECT count(*)::float8 AS rows ${documentsOf(tenantId)}`,
  );
  const rows = counted?.rows ?? 0;
  if (rows === 0) return NOTHING;
  const share = sql.raw(((100 * SAMPLE_ROWS) / rows).toFixed(6));
  const [sampled] = await orm.selectRows<{ mean: number | null }>(
    sql`SELECT avg(${ROW_BYTES})::float8 AS mean
        ${documentsOf(tenantId, rows > MAX_EXACT_ROWS ? sql`TABLESAMPLE SYSTEM (${share})` : sql``)}`,
  );
  return { rows, bytes: Math.round(rows * (sampled?.mean ?? 0)) };
}

function documentsOf(tenantId: string, sample: SQL = sql``): SQL {
  const tenant = uuidLiteral(tenantId);
  return sql`
    FROM cairn.documents AS d ${sample}
    WHERE d.tenant_id = ${tenant}
      AND d.collection_id IN (SELECT id FROM cairn.collections WHERE tenant_id = ${tenant} AND replaced_by IS NULL)`;
}

/** What a collection in use stores. Undefined: its tenant has no quota, or the collection is a copy and does not count. */
export async function measureCollection(
  orm: Orm,
  collection: Pick<Collection, "tenantId" | "id" | "replacedBy">,
): Promise<Stored | undefined> {
  const [stored] = await orm.selectRows<Stored>(sql`
    SELECT count(*)::float8 AS rows, coalesce(sum(${ROW_BYTES}), 0)::float8 AS bytes FROM cairn.documents AS d
    WHERE ${isCounted(collection.tenantId)} AND ${inCollection(collection, sql`d.`)}`);
  return collection.replacedBy === null ? stored : undefined;
}

/**
 * Measures what a tenant stores. If it has a quota, its counter is set to the result: writers of the tenant wait meanwhile, so
 * no write is missed.
 */
export function measureTenant(database: Database, tenantId: string): Promise<Stored> {
  return asTenant(database, tenantId, async ({ orm }) => {
    const locked = await orm.selectRows(
      sql`SELECT FROM cairn.stored_totals WHERE tenant_id = ${uuidLiteral(tenantId)} FOR UPDATE`,
    );
    const stored = await measureRows(orm, tenantId);
    if (locked.length > 0) await setTotals(orm, tenantId, stored);
    return stored;
  });
}

/** Measures a tenant again that has a quota, after a change that its counter does not follow. */
export async function measureCounted(database: Database, tenantId: string): Promise<void> {
  const counted = await asTenant(database, tenantId, ({ orm }) =>
    orm.selectRows(sql`SELECT WHERE ${isCounted(tenantId)}`),
  );
  if (counted.length > 0) await measureTenant(database, tenantId);
}

/** Starts the counter of a tenant that has got a quota, or ends it. */
export async function applyQuota(database: Database, tenantId: string, quota: StorageQuota): Promise<void> {
  await asTenant(database, tenantId, async ({ orm }) => {
    if (quota.storedRows !== undefined || quota.storedBytes !== undefined) {
      await setTotals(orm, tenantId, NOTHING); // locks the counter while the rows are counted
      await setTotals(orm, tenantId, await measureRows(orm, tenantId));
    } else await orm.execute(sql`DELETE FROM cairn.stored_totals WHERE tenant_id = ${uuidLiteral(tenantId)}`);
  });
}

async function setTotals(orm: Orm, tenantId: string, { rows, bytes }: Stored): Promise<void> {
  await orm.execute(sql`
    INSERT INTO cairn.stored_totals (tenant_id, rows, bytes, measured_at)
    VALUES (${uuidLiteral(tenantId)}, ${rows}::bigint, ${bytes}::bigint, now())
    ON CONFLICT (tenant_id) DO UPDATE SET rows = excluded.rows, bytes = excluded.bytes, measured_at = now()`);
}
