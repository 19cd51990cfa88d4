import { type SQL, sql } from "drizzle-orm";
import { uuidLiteral } from "../database/transaction.ts";

/** What a tenant may store at most. Absent: no limit. */
export interface StorageQuota {
  readonly storedRows?: number;
  readonly storedBytes?: number;
}

/** What is stored. Copies from before a change of model, and those being filled for one, do not count. */
export interface Stored {
  /** Passages. */
  readonly rows: number;
  /** Bytes of the rows, without indexes. */
  readonly bytes: number;
}

export const NOTHING: Stored = { rows: 0, bytes: 0 };

/** Whether a write is refused beyond the quota, only counted, or is not the tenant's (a copy being filled). */
export type QuotaMode = "enforce" | "count" | "ignore";

/** SQL: the bytes of a row `d`. */
export const ROW_BYTES = sql`pg_column_size(d.*)`;

/** SQL: the tenant's quota, a query with the column `quota` and one row, or without a row if there is none. */
export function selectQuota(tenantId: string): SQL {
  return sql`
    SELECT t.settings->'limits' AS quota FROM cairn.tenants AS t
    WHERE t.id = ${uuidLiteral(tenantId)}
      AND coalesce(t.settings->'limits'->'storedRows', t.settings->'limits'->'storedBytes') IS NOT NULL`;
}

/** SQL: whether deletions of the tenant are counted. */
export function isCounted(tenantId: string): SQL {
  return sql`EXISTS (SELECT FROM cairn.stored_totals AS s WHERE s.tenant_id = ${uuidLiteral(tenantId)})`;
}
