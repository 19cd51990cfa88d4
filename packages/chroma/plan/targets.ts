import type { Collection } from "@cairn/core/collection/collection.ts";
import { listCollections } from "@cairn/core/collection/get.ts";
import type { Database } from "@cairn/core/database/database.ts";
import { selectRows } from "@cairn/core/database/rows.ts";
import { asAdmin } from "@cairn/core/database/transaction.ts";
import { listTenants } from "@cairn/core/tenant/tenant.ts";
import { sql } from "drizzle-orm";
import type { Place } from "./pattern.ts";

/** A target that is there already. */
export interface Target {
  readonly collection: Collection;
  /** Whether an earlier migration copied vectors into it. Then copying is what it was made by. */
  readonly copied: boolean;
}

/** The target collections that exist, by `JSON.stringify([tenant, collection])`. */
export async function readTargets(
  database: Database | undefined,
  places: readonly Place[],
): Promise<ReadonlyMap<string, Target>> {
  const targets = new Map<string, Target>();
  if (!database) return targets;
  const tenants = await listTenants(database);
  const copied = await readCopied(database);
  for (const name of new Set(places.map(({ tenant }) => tenant))) {
    const tenant =
      tenants.find(({ id }) => id === name.toLowerCase()) ?? tenants.find((one) => one.name === name);
    if (!tenant) continue;
    for (const collection of await listCollections(database, tenant.id))
      targets.set(JSON.stringify([name, collection.name]), { collection, copied: copied.has(collection.id) });
  }
  return targets;
}

async function readCopied(database: Database): Promise<ReadonlySet<string>> {
  const rows = await asAdmin(database, ({ orm }) =>
    selectRows<{ id: string }>(
      orm,
      sql`SELECT DISTINCT collection_id AS id FROM cairn.migration_collections WHERE vectors = 'copy'`,
    ),
  );
  return new Set(rows.map(({ id }) => id));
}
