import type { Database } from "@cairn/core/database/database.ts";
import { asAdmin, asTenant } from "@cairn/core/database/transaction.ts";
import { sql } from "drizzle-orm";
import type { MigratedSource } from "../plan/targets.ts";
import type { ChromaPath } from "../protocol/path.ts";
import { matchesGlobs } from "../protocol/pattern.ts";
import type { SourceCollection, SourceScope } from "../source/source.ts";

/** The source as it is now, and the scope of the run. */
export interface VanishedOptions {
  /** The source's address. */
  readonly source: string;
  /** Every collection that the source has now, within the scope. */
  readonly listed: readonly SourceCollection[];
  /** Ids of the targets of those collections. */
  readonly targets: ReadonlySet<string>;
  readonly scope?: SourceScope;
  readonly only?: readonly string[];
}

/** A source collection in the ledger, with the ids of its target. */
export interface MigratedRow extends MigratedSource {
  readonly tenant_id: string;
  readonly collection_id: string;
}

/** Collections that earlier runs migrated and that exist in Cairn but no longer in Chroma. */
export async function findVanished(
  database: Database,
  { source, listed, targets, scope = {}, only = [] }: VanishedOptions,
): Promise<readonly ChromaPath[]> {
  const migrated = await asAdmin(database, ({ orm }) =>
    orm.selectRows<MigratedRow>(sql`
          SELECT DISTINCT ON (c.source_id) c.source_id AS id, c.source_tenant AS tenant, c.source_database AS database,
                 c.source_name AS name, c.tenant_id, c.collection_id
          FROM cairn.migration_collections AS c JOIN cairn.migration_runs AS r ON r.id = c.run_id
          WHERE r.source = ${source} AND r.finished_at IS NOT NULL ORDER BY c.source_id, r.finished_at DESC`),
  );
  const ids = new Set(listed.map(({ id }) => id));
  const tenants = new Set(scope.tenants ?? listed.map(({ tenant }) => tenant));
  const missing = migrated.filter(
    ({ id, tenant, database: sourceDatabase, name, collection_id: target }) =>
      !ids.has(id) &&
      !targets.has(target) &&
      (tenants.size === 0 || tenants.has(tenant)) &&
      (!scope.databases?.length || scope.databases.includes(sourceDatabase)) &&
      matchesGlobs(name, only),
  );
  const vanished: ChromaPath[] = [];
  for (const { id, tenant_id: tenantId, collection_id: target, ...path } of missing) {
    const existing = await asTenant(database, tenantId, ({ orm }) =>
      orm.selectRows(sql`SELECT FROM cairn.collections WHERE id = ${target}::uuid`),
    );
    if (existing.length > 0) vanished.push(path);
  }
  return vanished;
}
