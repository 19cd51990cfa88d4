import type { Collection } from "@cairn/core/collection/collection.ts";
import { listCollections } from "@cairn/core/collection/get.ts";
import type { Database } from "@cairn/core/database/database.ts";
import { type JsonObject, parseExactJson } from "@cairn/core/database/json.ts";
import { asAdmin, asTenant } from "@cairn/core/database/transaction.ts";
import { listTenants } from "@cairn/core/tenant/tenant.ts";
import { sql } from "drizzle-orm";
import type { TargetPath } from "../protocol/pattern.ts";
import type { SourceCollection } from "../source/source.ts";

/** The target that an earlier run gave a source collection, and its state in Cairn now. */
export interface Placement {
  /** The collection under its current name and model; undefined if it was deleted. */
  readonly collection: Collection | undefined;
  /** What was deleted. */
  readonly deleted?: "tenant" | "collection";
  /** The collection's metadata as a run last wrote it; undefined if no run did. */
  readonly metadata: JsonObject | undefined;
}

interface PlacementRow {
  readonly source_id: string;
  readonly tenant_id: string;
  readonly lineage: string;
  readonly place_tenant: string | null;
  readonly place_collection: string | null;
  readonly metadata: string | null;
}

/**
 * The earlier placements of source collections, by source id. Includes only collections whose target has not changed.
 * `source` is the address that names the source in the ledger.
 */
export async function readPlacements(
  database: Database,
  source: string,
  planned: readonly { readonly source: Pick<SourceCollection, "id">; readonly targetPath: TargetPath }[],
): Promise<ReadonlyMap<string, Placement>> {
  const rows = await readRows(database, source);
  const tenants = new Set((await listTenants(database)).map(({ id }) => id));
  const lineages = new Map<string, ReadonlyMap<string, Collection>>();
  const placements = new Map<string, Placement>();
  for (const { source: sourceCollection, targetPath } of planned) {
    const row = rows.get(sourceCollection.id);
    if (!row || !isSameTarget(row, targetPath)) continue;
    const { tenant_id: tenantId, lineage } = row;
    const metadata = row.metadata === null ? undefined : (parseExactJson(row.metadata) as JsonObject);
    if (!tenants.has(tenantId)) {
      placements.set(sourceCollection.id, { collection: undefined, deleted: "tenant", metadata });
      continue;
    }
    const servingById = lineages.get(tenantId) ?? (await readServing(database, tenantId));
    lineages.set(tenantId, servingById);
    const collection = servingById.get(lineage);
    placements.set(sourceCollection.id, {
      collection,
      metadata,
      ...(collection ? {} : { deleted: "collection" as const }),
    });
  }
  return placements;
}

async function readRows(database: Database, source: string): Promise<ReadonlyMap<string, PlacementRow>> {
  const rows = await asAdmin(database, ({ orm }) =>
    orm.selectRows<PlacementRow>(sql`
          SELECT DISTINCT ON (c.source_id) c.source_id, c.tenant_id, coalesce(c.lineage, c.collection_id) AS lineage,
                 c.place_tenant, c.place_collection, c.metadata
          FROM cairn.migration_collections AS c JOIN cairn.migration_runs AS r ON r.id = c.run_id
          WHERE r.source = ${source} ORDER BY c.source_id, r.started_at DESC`),
  );
  return new Map(rows.map((row) => [row.source_id, row]));
}

/** Whether the target has not changed. Rows of versions that did not record the target count as unchanged. */
function isSameTarget(
  { place_tenant: tenant, place_collection: collection }: PlacementRow,
  targetPath: TargetPath,
): boolean {
  return (
    (tenant ?? targetPath.tenant) === targetPath.tenant &&
    (collection ?? targetPath.collection) === targetPath.collection
  );
}

/** The collections of a tenant that serve requests, by the ids of all collections that they replace and by their lineages. */
async function readServing(database: Database, tenantId: string): Promise<ReadonlyMap<string, Collection>> {
  const collections = await listCollections(database, tenantId);
  const lineages = await readLineages(database, tenantId);
  const byId = new Map(collections.map((collection) => [collection.id, collection]));
  const servingById = new Map<string, Collection>();
  for (const collection of collections) {
    const last = followReplacements(collection, byId);
    if (!last) continue;
    servingById.set(collection.id, last);
    servingById.set(lineages.get(collection.id) ?? collection.id, last);
  }
  return servingById;
}

/** The collection that finally replaced this one; undefined if it is still being filled to replace another. */
function followReplacements(collection: Collection, byId: ReadonlyMap<string, Collection>): Collection | undefined {
  const seen = new Set<string>();
  let last: Collection | undefined = collection;
  while (last && last.replacedBy !== null) {
    if (seen.has(last.id)) return undefined;
    seen.add(last.id);
    last = byId.get(last.replacedBy);
  }
  return last;
}

async function readLineages(database: Database, tenantId: string): Promise<ReadonlyMap<string, string>> {
  const rows = await asTenant(database, tenantId, ({ orm }) =>
    orm.selectRows<{ id: string; lineage: string }>(
      sql`SELECT id, coalesce(lineage, id) AS lineage FROM cairn.collections WHERE tenant_id = ${tenantId}::uuid`,
    ),
  );
  return new Map(rows.map(({ id, lineage }) => [id, lineage]));
}
