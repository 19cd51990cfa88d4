import { sql } from "drizzle-orm";
import type { Collection } from "../collection/collection.ts";
import type { Orm } from "../database/database.ts";
import { uuidLiteral } from "../database/transaction.ts";
import { AppError } from "../error.ts";

/** What a collection is to the other system: `source` decides, `replica` follows. Null: it is not replicated. */
export type ReplicationRole = Collection["replication"];

/**
 * Gives all collections of the tenant a role, in the tenant's open transaction. Waits for writes that have captured their changes
 * under the old role; later writes see the new one.
 */
export async function setReplicationRole(orm: Orm, tenantId: string, role: ReplicationRole): Promise<void> {
  await lockCollections(orm, tenantId);
  await orm.execute(sql`
    UPDATE cairn.collections SET replication = ${role}::text
    WHERE tenant_id = ${uuidLiteral(tenantId)} AND replaced_by IS NULL AND replication IS DISTINCT FROM ${role}::text`);
}

/** Waits for the writes to all collections of the tenant, and holds off others until the tenant's open transaction ends. */
export async function lockCollections(orm: Orm, tenantId: string): Promise<void> {
  // Stronger than the lock of an UPDATE, which would not wait for writers of documents.
  await orm.execute(
    sql`SELECT FROM cairn.collections WHERE tenant_id = ${uuidLiteral(tenantId)} ORDER BY id FOR UPDATE`,
  );
}

/** The role of a collection that is created now. Until the transaction ends, the tenant's phase does not change. */
export async function roleOfNewCollection(orm: Orm, tenantId: string): Promise<ReplicationRole> {
  const [tenant] = await orm.selectRows<{ role: ReplicationRole }>(sql`
    SELECT CASE WHEN phase IN ('mirror', 'shadow') OR barrier_until > now() THEN 'replica'
                WHEN phase = 'cairn' THEN 'source' END AS role
    FROM cairn.cutover_tenants WHERE tenant_id = ${uuidLiteral(tenantId)} FOR SHARE`);
  return tenant?.role ?? null;
}

/**
 * Throws `invalid_input` if the tenant is replicated: without its phase the other system would serve it again, with what was deleted
 * here. Until the administrator's transaction ends, the phase does not change.
 */
export async function assertTenantNotReplicated(
  orm: Orm,
  { id, name }: { readonly id: string; readonly name: string },
): Promise<void> {
  const [tenant] = await orm.selectRows<{ phase: string }>(sql`
    SELECT phase FROM cairn.cutover_tenants WHERE tenant_id = ${uuidLiteral(id)} FOR UPDATE`);
  if (tenant === undefined || tenant.phase === "chroma" || tenant.phase === "done") return;
  throw new AppError(
    "invalid_input",
    `The tenant ${JSON.stringify(name)} cannot be deleted: its cut-over is in the phase ${tenant.phase}, and the other system would serve its data again. Delete its collections, complete or undo the cut-over, and then delete the tenant.`,
  );
}

/** Throws `invalid_input` if the collection is replicated. `action` completes "… while it is replicated". */
export function assertNotReplicated({ name, replication }: Collection, action: string): void {
  if (replication === null) return;
  throw new AppError(
    "invalid_input",
    `The collection ${JSON.stringify(name)} cannot ${action} while it is replicated to or from another system. Complete the cut-over of its tenant first.`,
  );
}
