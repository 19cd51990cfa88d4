import type { Database } from "@cairn/core/database/database.ts";
import { encodeJson } from "@cairn/core/database/json.ts";
import { asAdmin } from "@cairn/core/database/transaction.ts";
import { AppError } from "@cairn/core/error.ts";
import { sql } from "drizzle-orm";
import type { CutoverSettings } from "../tenants.ts";
import { requireCutoverTenant } from "./enrolled.ts";

/** Settings to change. Undefined: stays. Null: the default again. */
export interface SettingsChange {
  readonly strict?: boolean | null;
  readonly sample?: number | null;
}

/** Changes the settings of a tenant's cut-over, and returns all that differ from the defaults. Throws `not_found`, or `invalid_input`. */
export async function changeSettings(
  database: Database,
  nameOrId: string,
  { strict, sample }: SettingsChange,
): Promise<CutoverSettings> {
  if (typeof sample === "number" && !(sample >= 0 && sample <= 1))
    throw new AppError("invalid_input", `sample must be a share from 0 to 1, not ${sample}.`, { path: "sample" });
  const { tenantId } = await requireCutoverTenant(database, nameOrId);
  const changes = Object.entries({ strict: strict === false ? null : strict, sample });
  const set = Object.fromEntries(changes.flatMap(([name, value]) => (value == null ? [] : [[name, value]])));
  const unset = changes.flatMap(([name, value]) => (value === null ? [name] : []));
  const [row] = await asAdmin(database, ({ orm }) =>
    orm.selectRows<{ settings: CutoverSettings }>(sql`
      UPDATE cairn.cutover_tenants
      SET settings = (settings || ${encodeJson(set)}::jsonb) - ${sql.param(unset)}::text[]
      WHERE tenant_id = ${tenantId}::uuid RETURNING settings`),
  );
  return row?.settings ?? {};
}
