import type { Collection } from "@cairn/core/collection/collection.ts";
import { listCollections } from "@cairn/core/collection/get.ts";
import type { Database } from "@cairn/core/database/database.ts";
import { selectRows } from "@cairn/core/database/rows.ts";
import { asAdmin } from "@cairn/core/database/transaction.ts";
import { listTenants, type Tenant } from "@cairn/core/tenant/tenant.ts";
import { sql } from "drizzle-orm";
import type { SourcePath } from "../source/label.ts";
import type { Place } from "./pattern.ts";

/** A source collection as the ledger knows it. */
export type FilledFrom = SourcePath & { readonly id: string };

/** A target that is there already. */
export interface Target {
  readonly collection: Collection;
  /** Whether an earlier migration copied vectors into it. Then copying is what it was made by. */
  readonly copied: boolean;
  /** The source collection that a migration last wrote into it. */
  readonly filledFrom?: FilledFrom;
}

/** What exists at the places of a plan. */
export interface Targets {
  /** One key for all places that are the same collection, whether its tenant is named by id or by name. */
  keyOf(place: Place): string;
  /** A collection as a target. */
  of(collection: Collection): Target;
  /** The collection at a place, where there is one. */
  get(place: Place): Target | undefined;
  /** Another collection of the tenant whose id is the name of this place. */
  namesake(place: Place): Collection | undefined;
}

/** Reads what exists at these places. Without a database nothing does. */
export async function readTargets(
  database: Database | undefined,
  places: readonly Place[],
): Promise<Targets> {
  const tenants = new Map<string, string>();
  const collections = new Map<string, Collection[]>();
  const filled = database ? await readFilled(database) : new Map<string, Filled>();
  const all = database ? await listTenants(database) : [];
  for (const name of new Set(places.map(({ tenant }) => tenant))) {
    const tenant = findTenant(all, name);
    if (!database || !tenant) continue;
    tenants.set(name, tenant.id);
    if (!collections.has(tenant.id))
      collections.set(tenant.id, [...(await listCollections(database, tenant.id))]);
  }
  const ofTenant = ({ tenant }: Place) => collections.get(tenants.get(tenant) ?? "") ?? [];
  const of = (collection: Collection) => ({ collection, copied: false, ...filled.get(collection.id) });
  return {
    of,
    keyOf: (place) => JSON.stringify([tenants.get(place.tenant) ?? place.tenant, place.collection]),
    get(place) {
      const collection = ofTenant(place).find(({ name }) => name === place.collection);
      return collection && of(collection);
    },
    namesake: (place) =>
      ofTenant(place).find(({ id, name }) => id === place.collection && name !== place.collection),
  };
}

/** As `ensureTenant` finds it: by its id, or else by its name. */
function findTenant(tenants: readonly Tenant[], idOrName: string): Tenant | undefined {
  return tenants.find(({ id }) => id === idOrName) ?? tenants.find(({ name }) => name === idOrName);
}

type Filled = Pick<Target, "copied" | "filledFrom">;

async function readFilled(database: Database): Promise<ReadonlyMap<string, Filled>> {
  const rows = await asAdmin(database, ({ orm }) =>
    selectRows<FilledFrom & { readonly collection_id: string; readonly copied: boolean }>(
      orm,
      sql`SELECT DISTINCT ON (collection_id) collection_id, source_id AS id, source_tenant AS tenant,
                 source_database AS database, source_name AS name,
                 bool_or(vectors = 'copy') OVER (PARTITION BY collection_id) AS copied
          FROM cairn.migration_collections ORDER BY collection_id, updated_at DESC`,
    ),
  );
  return new Map(rows.map(({ collection_id: id, copied, ...filledFrom }) => [id, { copied, filledFrom }]));
}
