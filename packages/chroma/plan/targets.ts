import type { Collection } from "@cairn/core/collection/collection.ts";
import { listCollections } from "@cairn/core/collection/get.ts";
import type { Database } from "@cairn/core/database/database.ts";
import { asAdmin } from "@cairn/core/database/transaction.ts";
import { listTenants, type Tenant } from "@cairn/core/tenant/tenant.ts";
import { sql } from "drizzle-orm";
import type { ChromaPath } from "../protocol/path.ts";
import type { TargetPath } from "../protocol/pattern.ts";

/** A source collection in the ledger. */
export type MigratedSource = ChromaPath & { readonly id: string };

/** An existing target. */
export interface Target {
  readonly collection: Collection;
  /** Whether an earlier migration copied vectors to it. */
  readonly copied: boolean;
  /** The source collection that was last migrated to it. */
  readonly migratedFrom?: MigratedSource;
}

/** The existing targets of a plan. */
export type Targets = Awaited<ReturnType<typeof readTargets>>;

/** Reads the existing targets. Without a database, none exists. */
export async function readTargets(database: Database | undefined, targetPaths: readonly TargetPath[]) {
  const tenants = new Map<string, string>();
  const collections = new Map<string, Collection[]>();
  const history = database ? await readMigrationHistory(database) : new Map<string, MigrationHistory>();
  const all = database ? await listTenants(database) : [];
  for (const name of new Set(targetPaths.map(({ tenant }) => tenant))) {
    const tenant = findTenant(all, name);
    if (!database || !tenant) continue;
    tenants.set(name, tenant.id);
    if (!collections.has(tenant.id)) collections.set(tenant.id, [...(await listCollections(database, tenant.id))]);
  }
  const collectionsOf = ({ tenant }: TargetPath) => collections.get(tenants.get(tenant) ?? "") ?? [];
  const describe = (collection: Collection): Target => ({
    collection,
    copied: false,
    ...history.get(collection.id),
  });
  return {
    /** The target that a collection is. */
    describe,
    /** The key of a target. It is the same whether the tenant is named by id or by name. */
    keyOf: (targetPath: TargetPath): string =>
      JSON.stringify([tenants.get(targetPath.tenant) ?? targetPath.tenant, targetPath.collection]),
    /** The existing collection of a target; undefined if there is none. */
    get(targetPath: TargetPath): Target | undefined {
      const collection = collectionsOf(targetPath).find(({ name }) => name === targetPath.collection);
      return collection && describe(collection);
    },
    /** Another collection of the tenant whose id equals the collection name of this target. */
    findIdCollision: (targetPath: TargetPath) =>
      collectionsOf(targetPath).find(({ id, name }) => id === targetPath.collection && name !== targetPath.collection),
  };
}

/** Finds a tenant by its id or else by its name, like `ensureTenant`. */
function findTenant(tenants: readonly Tenant[], idOrName: string): Tenant | undefined {
  return tenants.find(({ id }) => id === idOrName) ?? tenants.find(({ name }) => name === idOrName);
}

type MigrationHistory = Pick<Target, "copied" | "migratedFrom">;

async function readMigrationHistory(database: Database): Promise<ReadonlyMap<string, MigrationHistory>> {
  const rows = await asAdmin(database, ({ orm }) =>
    orm.selectRows<MigratedSource & { readonly collection_id: string; readonly copied: boolean }>(sql`
          SELECT DISTINCT ON (collection_id) collection_id, source_id AS id, source_tenant AS tenant,
                 source_database AS database, source_name AS name,
                 bool_or(vectors = 'copy') OVER (PARTITION BY collection_id) AS copied
          FROM cairn.migration_collections ORDER BY collection_id, updated_at DESC`),
  );
  return new Map(rows.map(({ collection_id: id, copied, ...migratedFrom }) => [id, { copied, migratedFrom }]));
}
