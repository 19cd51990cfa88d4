import type { Orm } from "@cairn/core/database/database.ts";
import { AppError } from "@cairn/core/error.ts";
import { assertLease } from "../../lease/tenant-lease.ts";
import { isReplicated, sourceOf } from "../phase.ts";
import { lockCutoverTenant } from "../tenants.ts";
import type { Replication } from "./replication.ts";

/**
 * Throws `run_held` unless this process replicates the tenant, Chroma decides its writes and Cairn follows. All hold until the administrator's
 * transaction ends.
 */
export async function assertSource(orm: Orm, { tenantId, lease }: Replication): Promise<void> {
  await assertLease(orm, lease);
  const tenant = await lockCutoverTenant(orm, tenantId, "share");
  if (tenant && isReplicated(tenant.phase) && sourceOf(tenant.phase) === "chroma") return;
  throw new AppError("run_held", "The tenant's phase has changed.");
}
