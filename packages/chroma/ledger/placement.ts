import type { Collection } from "@cairn/core/collection/collection.ts";
import { listCollections } from "@cairn/core/collection/get.ts";
import type { Database } from "@cairn/core/database/database.ts";
import { type JsonObject, parseExactJson } from "@cairn/core/database/json.ts";
import { selectRows } from "@cairn/core/database/rows.ts";
import { asAdmin, asTenant } from "@cairn/core/database/transaction.ts";
import { listTenants } from "@cairn/core/tenant/tenant.ts";
import { sql } from "drizzle-orm";
import type { Place } from "../plan/pattern.ts";
import type { SourceCollection } from "../source/source.ts";

/** Where an earlier run put a source collection, and what has become of it in Cairn since. */
export interface Placement {
  /** Under whatever name it has by now, and with whatever model; undefined where it was deleted. */
  readonly collection: Collection | undefined;
  /** What was deleted. */
  readonly gone?: "tenant" | "collection";
  /** The collection's metadata as a run last wrote it; undefined where no run did. */
  readonly metadata: JsonObject | undefined;
}

interface Row {
  readonly source_id: string;
  readonly tenant_id: string;
  readonly lineage: string;
  readonly place_tenant: string | null;
  readonly place_collection: string | null;
  readonly metadata: string | null;
}

/**
 * The earlier placements of source collections, by the source's ids: of those alone that are to go where they went
 * before. `source` is the address that names the source in the ledger.
 */
export async function readPlacements(
  database: Database,
  source: string,
  placed: readonly { readonly source: Pick<SourceCollection, "id">; readonly place: Place }[],
): Promise<ReadonlyMap<string, Placement>> {
  const rows = await readRows(database, source);
  const tenants = new Set((await listTenants(database)).map(({ id }) => id));
  const lineages = new Map<string, ReadonlyMap<string, Collection>>();
  const placements = new Map<string, Placement>();
  for (const { source: one, place } of placed) {
    const row = rows.get(one.id);
    if (!row || !samePlace(row, place)) continue;
    const { tenant_id: tenantId, lineage } = row;
    const metadata = row.metadata === null ? undefined : (parseExactJson(row.metadata) as JsonObject);
    if (!tenants.has(tenantId)) {
      placements.set(one.id, { collection: undefined, gone: "tenant", metadata });
      continue;
    }
    const serving = lineages.get(tenantId) ?? (await readServing(database, tenantId));
    lineages.set(tenantId, serving);
    const collection = serving.get(lineage);
    placements.set(one.id, {
      collection,
      metadata,
      ...(collection ? {} : { gone: "collection" as const }),
    });
  }
  return placements;
}

async function readRows(database: Database, source: string): Promise<ReadonlyMap<string, Row>> {
  const rows = await asAdmin(database, ({ orm }) =>
    selectRows<Row>(
      orm,
      sql`SELECT DISTINCT ON (c.source_id) c.source_id, c.tenant_id, coalesce(c.lineage, c.collection_id) AS lineage,
                 c.place_tenant, c.place_collection, c.metadata
          FROM cairn.migration_collections AS c JOIN cairn.migration_runs AS r ON r.id = c.run_id
          WHERE r.source = ${source} ORDER BY c.source_id, r.started_at DESC`,
    ),
  );
  return new Map(rows.map((row) => [row.source_id, row]));
}

/** Rows of versions that wrote down no place are taken to be of this one. */
function samePlace({ place_tenant: tenant, place_collection: collection }: Row, place: Place): boolean {
  return (tenant ?? place.tenant) === place.tenant && (collection ?? place.collection) === place.collection;
}

/** The collections of a tenant that serve, by the ids of all that they follow on, their own and their lineage's. */
async function readServing(database: Database, tenantId: string): Promise<ReadonlyMap<string, Collection>> {
  const collections = await listCollections(database, tenantId);
  const lineages = await readLineages(database, tenantId);
  const byId = new Map(collections.map((collection) => [collection.id, collection]));
  const serving = new Map<string, Collection>();
  for (const collection of collections) {
    const last = followReplacements(collection, byId);
    if (!last) continue;
    serving.set(collection.id, last);
    serving.set(lineages.get(collection.id) ?? collection.id, last);
  }
  return serving;
}

/** The collection that has taken another's place in the end; undefined for one that is yet to take one. */
function followReplacements(
  collection: Collection,
  byId: ReadonlyMap<string, Collection>,
): Collection | undefined {
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
    selectRows<{ id: string; lineage: string }>(
      orm,
      sql`SELECT id, coalesce(lineage, id) AS lineage FROM cairn.collections WHERE tenant_id = ${tenantId}::uuid`,
    ),
  );
  return new Map(rows.map(({ id, lineage }) => [id, lineage]));
}
