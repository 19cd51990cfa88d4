import type { Database } from "@cairn/core/database/database.ts";
import { AppError } from "@cairn/core/error.ts";
import { getTenant, type Tenant } from "@cairn/core/tenant/tenant.ts";

/** The tenant with this id or name. Undefined if there is none. */
export async function findTenant(database: Database, idOrName: string): Promise<Tenant | undefined> {
  try {
    return await getTenant(database, idOrName);
  } catch (error) {
    if (error instanceof AppError && error.code === "not_found") return undefined;
    throw error;
  }
}
