import type { Database } from "@cairn/core/database/database.ts";
import { asAdmin } from "@cairn/core/database/transaction.ts";
import { AppError } from "@cairn/core/error.ts";
import type { Tenant } from "@cairn/core/tenant/tenant.ts";
import { sql } from "drizzle-orm";

/** Throws `invalid_input` if Chroma decides on the tenant's data, because Cairn's copy may be older and would overwrite it. */
export async function assertNotFollowing(database: Database, { id, name }: Tenant): Promise<void> {
  const [found] = await asAdmin(database, ({ orm }) =>
    orm.selectRows<{ phase: string }>(sql`SELECT phase FROM cairn.cutover_tenants WHERE tenant_id = ${id}::uuid`),
  );
  if (!found || found.phase === "cairn" || found.phase === "done") return;
  throw new AppError(
    "invalid_input",
    `Nothing was written: the tenant ${name} is in the phase ${found.phase}, in which Chroma decides and Cairn follows. What Chroma has is newer.`,
    { path: "--tenant" },
  );
}
