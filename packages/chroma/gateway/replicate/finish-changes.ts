import { asAdmin } from "@cairn/core/database/transaction.ts";
import { assertLease } from "../../lease/tenant-lease.ts";
import { deleteChanges, type ReadyChange } from "./changes.ts";
import type { Replication } from "./replication.ts";

/**
 * Deletes changes that were replicated. Throws `run_held` if another process replicates the tenant by now, which then replicates them
 * again. Not in the transaction that writes the replica: with Citus, only one role can change a tenant's distributed rows in it.
 */
export async function finishChanges(
  { database, tenantId, lease }: Replication,
  changes: readonly ReadyChange[],
): Promise<void> {
  await asAdmin(database, async ({ orm }) => {
    await assertLease(orm, lease);
    await deleteChanges(orm, tenantId, changes);
  });
}
